"""The log's table: partitioned by kind and by month, append-only.

Ids are UUIDs of version 7, so a month is a range of ids and the primary key stays what
Django thinks it is. Retention drops a month's table; the two kinds are kept for different
times, which is why they are apart.
"""

import audit.ids
from django.db import migrations, models
from django.utils import timezone

TABLE = """
CREATE TABLE audit_event (
    id uuid NOT NULL,
    kind varchar(10) NOT NULL,
    verb varchar(40) NOT NULL,
    workspace_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    actor_kind varchar(10) NOT NULL,
    actor_id varchar(200) NOT NULL,
    actor_name varchar(200) NOT NULL,
    property_id uuid,
    property_name varchar(200) NOT NULL,
    device_id uuid,
    device_name varchar(200) NOT NULL,
    account_id uuid,
    account_name varchar(200) NOT NULL,
    attempt_id uuid,
    subject varchar(200) NOT NULL,
    how varchar(20) NOT NULL,
    result varchar(20) NOT NULL,
    source varchar(20) NOT NULL,
    reason varchar(300) NOT NULL,
    external_id varchar(200) NOT NULL,
    is_late boolean NOT NULL,
    ip inet,
    request_id varchar(64) NOT NULL,
    detail jsonb NOT NULL,
    raw jsonb,
    PRIMARY KEY (kind, id)
) PARTITION BY LIST (kind);
CREATE TABLE audit_event_door PARTITION OF audit_event FOR VALUES IN ('door')
    PARTITION BY RANGE (id);
CREATE TABLE audit_event_change PARTITION OF audit_event FOR VALUES IN ('change')
    PARTITION BY RANGE (id);
-- For what a lock tells months late: a row must never be lost for want of a table.
CREATE TABLE audit_event_door_other PARTITION OF audit_event_door DEFAULT;
CREATE TABLE audit_event_change_other PARTITION OF audit_event_change DEFAULT;

CREATE INDEX audit_event_workspace ON audit_event (workspace_id, id DESC);
CREATE INDEX audit_event_property ON audit_event (property_id, id DESC);
CREATE INDEX audit_event_device ON audit_event (device_id, id DESC);
CREATE INDEX audit_event_external ON audit_event (account_id, external_id)
    WHERE NOT (external_id = '');
CREATE INDEX audit_event_attempt ON audit_event (attempt_id) WHERE attempt_id IS NOT NULL;
"""

APPEND_ONLY = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Only a test database sets this, to be emptied between tests.
    IF TG_OP = 'TRUNCATE' AND current_setting('lockboard.may_truncate', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the log is append-only: % refused', TG_OP;
END $$;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event_door_other
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event_change_other
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
"""

MONTHS = """
CREATE FUNCTION audit_lowest_id(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0')
            || repeat('0', 20))::uuid
$$;
CREATE FUNCTION audit_make_month(year int, month int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    starts timestamptz := make_timestamptz(year, month, 1, 0, 0, 0, 'UTC');
    ends timestamptz := (starts AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    kind text;
    name text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['door', 'change'] LOOP
        name := format('audit_event_%s_%s', kind, to_char(starts AT TIME ZONE 'UTC', 'YYYY_MM'));
        IF to_regclass(name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                name, 'audit_event_' || kind, audit_lowest_id(starts), audit_lowest_id(ends));
            EXECUTE format(
                'CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON %I
                 FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()', name);
        END IF;
    END LOOP;
END $$;
"""

DROP = """
DROP TABLE audit_event;
DROP FUNCTION audit_make_month;
DROP FUNCTION audit_lowest_id;
DROP FUNCTION audit_refuse;
"""


def make_months(apps, schema_editor):
    now = timezone.now()
    first = now.year * 12 + now.month - 1 - 4
    with schema_editor.connection.cursor() as cursor:
        for number in range(first, first + 8):
            cursor.execute(
                "SELECT audit_make_month(%s, %s)", [number // 12, number % 12 + 1]
            )


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(TABLE + APPEND_ONLY + MONTHS, DROP),
                migrations.RunPython(make_months, migrations.RunPython.noop),
            ],
            state_operations=[
                migrations.CreateModel(
                    name='Event',
                    fields=[
                        ('id', models.UUIDField(default=audit.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('kind', models.CharField(choices=[('door', 'Door'), ('change', 'Change')], max_length=10)),
                        ('verb', models.CharField(max_length=40)),
                        ('workspace_id', models.UUIDField()),
                        ('occurred_at', models.DateTimeField()),
                        ('recorded_at', models.DateTimeField()),
                        ('actor_kind', models.CharField(blank=True, max_length=10)),
                        ('actor_id', models.CharField(blank=True, max_length=200)),
                        ('actor_name', models.CharField(blank=True, max_length=200)),
                        ('property_id', models.UUIDField(null=True)),
                        ('property_name', models.CharField(blank=True, max_length=200)),
                        ('device_id', models.UUIDField(null=True)),
                        ('device_name', models.CharField(blank=True, max_length=200)),
                        ('account_id', models.UUIDField(null=True)),
                        ('account_name', models.CharField(blank=True, max_length=200)),
                        ('attempt_id', models.UUIDField(null=True)),
                        ('subject', models.CharField(blank=True, max_length=200)),
                        ('how', models.CharField(blank=True, choices=[('web', 'Web'), ('api', 'Api'), ('command', 'command line'), ('code', 'Code'), ('card', 'Card'), ('mobile_key', 'mobile key'), ('inside', 'inside handle'), ('remote', 'Remote'), ('schedule', 'Schedule'), ('system', 'System'), ('unknown', 'Unknown')], max_length=20)),
                        ('result', models.CharField(blank=True, choices=[('', '–'), ('requested', 'Requested'), ('granted', 'Granted'), ('denied', 'Denied'), ('failed', 'Failed'), ('unconfirmed', 'Unconfirmed')], max_length=20)),
                        ('source', models.CharField(choices=[('lockboard', 'Lockboard'), ('salto_ks', 'Salto KS'), ('seam', 'Seam')], default='lockboard', max_length=20)),
                        ('reason', models.CharField(blank=True, max_length=300)),
                        ('external_id', models.CharField(blank=True, max_length=200)),
                        ('is_late', models.BooleanField(default=False)),
                        ('ip', models.GenericIPAddressField(null=True)),
                        ('request_id', models.CharField(blank=True, max_length=64)),
                        ('detail', models.JSONField(default=dict)),
                        ('raw', models.JSONField(null=True)),
                    ],
                    options={
                        'indexes': [models.Index(fields=['workspace_id', '-id'], name='audit_event_workspace'), models.Index(fields=['property_id', '-id'], name='audit_event_property'), models.Index(fields=['device_id', '-id'], name='audit_event_device'), models.Index(condition=models.Q(('external_id', ''), _negated=True), fields=['account_id', 'external_id'], name='audit_event_external'), models.Index(condition=models.Q(('attempt_id__isnull', False)), fields=['attempt_id'], name='audit_event_attempt')],
                    },
                ),
            ],
        ),
    ]
