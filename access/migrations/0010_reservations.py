from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0009_grant_lists")]

    operations = [
        migrations.AddField(
            "acsentrance", "can_belong_to_reservation", models.BooleanField(null=True)
        )
    ]
