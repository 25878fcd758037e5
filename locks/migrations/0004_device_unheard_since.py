from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("locks", "0003_attempt_opened_at")]

    operations = [
        migrations.AddField(
            model_name="device",
            name="unheard_since",
            field=models.DateTimeField(null=True),
        ),
    ]
