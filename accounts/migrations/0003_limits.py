"""Turns taken, kept in an unlogged table; failures, counted for each kind of asking."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_cache")]

    operations = [
        migrations.CreateModel(
            name="Allowance",
            fields=[
                ("key", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("due_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(
            "ALTER TABLE accounts_allowance SET UNLOGGED",
            "ALTER TABLE accounts_allowance SET LOGGED",
        ),
        migrations.CreateModel(
            name="Trouble",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("operation", models.CharField(choices=[("status", "Status"), ("events", "Events"), ("doors", "Doors"), ("codes", "Codes")], max_length=10)),
                ("failures_in_a_row", models.PositiveIntegerField(default=0)),
                ("retry_at", models.DateTimeField(null=True)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="troubles", to="accounts.connectedaccount")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "operation"), name="trouble_once_per_operation")
                ],
            },
        ),
        migrations.RemoveField(model_name="connectedaccount", name="failures_in_a_row"),
    ]
