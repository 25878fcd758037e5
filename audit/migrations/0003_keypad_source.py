from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_move_into_months'),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='source',
            field=models.CharField(choices=[('lockboard', 'Lockboard'), ('salto_ks', 'Salto KS'), ('keypad', 'SIMULATED Keypad Cloud'), ('seam', 'Seam')], default='lockboard', max_length=20),
        ),
    ]
