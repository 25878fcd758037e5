"""Indexes of the list of grants: what ended last, and what is over and not seen gone."""

from django.db import migrations, models
from django.db.models.functions import Least


class Migration(migrations.Migration):
    dependencies = [("access", "0008_guest_house")]

    operations = [
        migrations.AddIndex(
            model_name="accessgrant",
            index=models.Index(
                models.F("workspace"),
                Least("ends_at", "revoked_at").desc(),
                models.F("id"),
                name="grant_over",
            ),
        ),
    ]
