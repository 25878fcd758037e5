"""What the database itself promises about doors and attempts.

A door's revision rises with every change a board shows, whoever makes it, so that no writer
can forget to. An attempt never goes back to queued or sending (reliability E1).
"""

from django.db import migrations

REVISION = """
CREATE SEQUENCE locks_device_revision;
CREATE FUNCTION locks_device_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := nextval('locks_device_revision');
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER locks_device_changed BEFORE INSERT OR UPDATE ON locks_device
    FOR EACH ROW EXECUTE FUNCTION locks_device_changed();
"""

NEVER_BACK = """
CREATE FUNCTION locks_attempt_never_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = OLD.status
        OR (OLD.status = 'queued' AND NEW.status IN ('sending', 'expired', 'cancelled', 'failed'))
        OR (OLD.status = 'sending' AND NEW.status IN ('success', 'failed', 'unconfirmed'))
        OR (OLD.status = 'unconfirmed' AND NEW.status IN ('success', 'failed'))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'attempt %: % cannot become %', OLD.id, OLD.status, NEW.status;
END $$;
CREATE TRIGGER locks_attempt_never_back BEFORE UPDATE ON locks_actionattempt
    FOR EACH ROW EXECUTE FUNCTION locks_attempt_never_back();
CREATE FUNCTION locks_attempt_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempts are never deleted';
END $$;
CREATE TRIGGER locks_attempt_kept BEFORE DELETE ON locks_actionattempt
    FOR EACH ROW EXECUTE FUNCTION locks_attempt_kept();
"""

DROP = """
DROP TRIGGER locks_attempt_kept ON locks_actionattempt;
DROP FUNCTION locks_attempt_kept;
DROP TRIGGER locks_attempt_never_back ON locks_actionattempt;
DROP FUNCTION locks_attempt_never_back;
DROP TRIGGER locks_device_changed ON locks_device;
DROP FUNCTION locks_device_changed;
DROP SEQUENCE locks_device_revision;
"""


class Migration(migrations.Migration):
    dependencies = [("locks", "0001_initial")]

    operations = [migrations.RunSQL(REVISION + NEVER_BACK, DROP)]
