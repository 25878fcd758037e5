from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0001_initial'),
    ]

    operations = [
        # What is there has been seen by its property's people, and moved where that was wrong.
        migrations.AddField(
            model_name='acssystem',
            name='is_placed',
            field=models.BooleanField(default=True),
        ),
        migrations.AlterField(
            model_name='acssystem',
            name='is_placed',
            field=models.BooleanField(default=False),
        ),
    ]
