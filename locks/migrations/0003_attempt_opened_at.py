from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("locks", "0002_promises")]

    operations = [
        migrations.AddField(
            model_name="actionattempt",
            name="opened_at",
            field=models.DateTimeField(null=True),
        ),
    ]
