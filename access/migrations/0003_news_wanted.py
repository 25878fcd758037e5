from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0002_placed'),
    ]

    operations = [
        migrations.AddField(
            model_name='acsaccessgroup',
            name='news_wanted_at',
            field=models.DateTimeField(null=True),
        ),
    ]
