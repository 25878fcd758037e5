import stat

from config.starting import kept


def test_a_secret_is_made_once_and_only_for_us(tmp_path):
    made = iter(["first", "second"])

    values = [kept(tmp_path / "secret", lambda: next(made)) for _ in range(2)]

    assert values == ["first", "first"]
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_secret_half_written_is_made_anew(tmp_path):
    (tmp_path / "secret.new").write_text("ha")

    assert kept(tmp_path / "secret", lambda: "whole") == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
