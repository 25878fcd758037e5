import contextlib
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.reservations import tables
from access.reservations.dates import DayOrder
from access.reservations.headings import columns_of
from access.reservations.stays import ReadError, Verdict
from access.reservations.tables import MAX_BYTES, MAX_ROWS
from tests.access.reservations.samples import HOUSE, NOW

GERMAN = """Gast;E-Mail;Telefon;Zimmer;Anreise;Abreise
Jürgen Größe;J@Example.DE;+49 170 1234567;12;01.12.2026;03.12.2026
"""


def read(content, **options):
    content = content.encode() if isinstance(content, str) else content
    return tables.read(content, **{"house": HOUSE, "now": NOW, **options})


def the_row(arrival="2026-12-01", departure="2026-12-03", **options):
    (row,) = read(f"Name,Arrival,Departure\nJane,{arrival},{departure}\n", **options).rows
    return row


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("mark", [";", ",", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_spreadsheets_save_is_read(encoding, mark, ends):
    text = GERMAN.replace(";", mark).replace("\n", ends)

    (row,) = read(text.encode(encoding)).rows

    stay = row.stay
    assert (stay.guest.name, stay.guest.email) == ("Jürgen Größe", "J@example.de")
    assert (stay.guest.phone, stay.room, row.number) == ("+491701234567", "12", 2)
    assert (stay.starts_at, stay.ends_at) == (utc(2026, 12, 1, 14), utc(2026, 12, 3, 10))
    assert stay.by_date


def test_excel_may_name_its_mark():
    (row,) = read("sep=;\r\n" + GERMAN).rows

    assert (row.stay.room, row.number) == ("12", 3)


@pytest.mark.parametrize(
    "headings",
    [
        "Name,E-mail,Phone,Room,Arrival,Departure",
        "guest_name,EMAIL,Phone number,Unit,Check-in,Check-out",
        "Naam,E-mailadres,Telefoonnummer,Kamer,Aankomst,Vertrek",
        "Gastname,E-Mail-Adresse,Telefon,Zimmer,Anreisedatum,Abreisedatum",
        "Nom,Courriel,Téléphone,Chambre,Date d'arrivée,Date de départ",
        "Nombre,Correo electrónico,Teléfono,Habitación,Fecha de llegada,Fecha de salida",
        "Nome,Correio eletrónico,Telemóvel,Quarto,Data de chegada,Data de saída",
        "Nome ospite,Email,Telefono,Camera,Arrivo,Partenza",
    ],
)
def test_headings_are_known_in_many_languages(headings):
    assert list(columns_of(headings.split(","))) == [
        "name",
        "email",
        "phone",
        "room",
        "arrival",
        "departure",
    ]


def test_columns_may_stand_in_any_order_among_others():
    text = "Notes,Departure,Last name,First name,Arrival\nhi,2026-12-03,Doe,Jane,2026-12-01\n"

    (row,) = read(text).rows

    assert (row.text, row.stay.guest.name) == ("Jane Doe", "Jane Doe")


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("2026-12-01", None, date(2026, 12, 1)),
        ("2026/12/01", None, date(2026, 12, 1)),
        ("01.12.2026", None, date(2026, 12, 1)),
        ("1.12.2026", DayOrder.MONTH_FIRST, date(2026, 12, 1)),
        ("12/12/2026", None, date(2026, 12, 12)),
        ("25/12/2026", None, date(2026, 12, 25)),
        ("12/25/2026", None, date(2026, 12, 25)),
        ("05/12/2026", DayOrder.DAY_FIRST, date(2026, 12, 5)),
        ("12/05/2026", DayOrder.MONTH_FIRST, date(2026, 12, 5)),
        ("2026-12-05 00:00:00", None, date(2026, 12, 5)),
    ],
)
def test_dates_are_read_as_the_property_writes_them(text, order, expected):
    stay = the_row(text, "2026-12-31", order=order).stay

    assert (stay.starts_on, stay.by_date) == (expected, True)


@pytest.mark.parametrize(
    ("text", "order", "reason"),
    [
        ("05/12/2026", None, "“05/12/2026” can be read in two ways. Write it like 2026-04-30."),
        ("25/12/2026", DayOrder.MONTH_FIRST, "“25/12/2026” is no day of the calendar."),
        ("30.02.2027", None, "“30.02.2027” is no day of the calendar."),
        ("1.12.26", None, "“1.12.26”: write the year with four digits."),
        ("46357", None, "“46357” is the number of a day: format the column as a date."),
        ("soon", None, "“soon” is no date. Write it like 2026-04-30."),
        ("", None, "It tells no arrival."),
        ("1999-12-01", None, "“1999-12-01” is not between 2000 and 2100."),
        ("2026-12-01 25:00", None, "“25:00” is no time of the day."),
        ("2026-12-01T25:00Z", None, "“2026-12-01T25:00Z” is no date and time."),
        ("2027-01-01", None, "It ends before it begins."),
        (
            "2027-03-28 02:30",
            None,
            "02:30 does not exist on 28 Mar 2027 (clocks go forward). Choose 01:59 or 03:00.",
        ),
        (
            "2027-10-31 02:30",
            None,
            "02:30 happens twice. First (UTC+2) or second (UTC+1)?",
        ),
    ],
)
def test_dates_are_never_guessed(text, order, reason):
    row = the_row(text, "2026-12-31", order=order)

    assert (row.verdict, row.reason, row.stay) == (Verdict.UNREADABLE, reason, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-01 16:00", utc(2026, 12, 1, 15)),
        ("2026-12-01 4 pm", utc(2026, 12, 1, 15)),
        ("01.12.2026 16.00", utc(2026, 12, 1, 15)),
        ("2026-12-01T16:00:00Z", utc(2026, 12, 1, 16)),
        ("2026-12-01T16:00:00-05:00", utc(2026, 12, 1, 21)),
    ],
)
def test_times_are_the_property_s_unless_they_say_otherwise(text, expected):
    stay = the_row(text, "2026-12-31").stay

    assert (stay.starts_at, stay.by_date) == (expected, False)


def test_times_may_have_columns_of_their_own():
    text = (
        "Name,Arrival,Arrival time,Departure,Departure time\nJane,2026-12-01,12:30,2026-12-03,14h\n"
    )

    (row,) = read(text).rows

    assert (row.stay.starts_at, row.stay.ends_at) == (
        utc(2026, 12, 1, 11, 30),
        utc(2026, 12, 3, 13),
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",j@x.de,,", "name: 1–100 characters."),
        (f"{'J' * 101},,,", "name: 1–100 characters."),
        ("Jane,nobody,,", "e-mail address is not valid."),
        ("Jane,,0170 1234567,", "phone: international format +33…."),
        (f"Jane,,,{'x' * 501}", "A cell is longer than 500 characters."),
    ],
)
def test_people_are_read_as_they_are_typed_in(line, reason):
    (row,) = read(f"Name,Email,Phone,Room,Arrival,Departure\n{line},2026-12-01,2026-12-03").rows

    assert (row.verdict, row.reason) == (Verdict.UNREADABLE, reason)


def test_formulas_are_text():
    (row,) = read('Name,Arrival,Departure\n"=HYPERLINK(""x"")",2026-12-01,2026-12-03').rows

    assert row.stay.guest.name == '=HYPERLINK("x")'


def test_a_line_twice_counts_once_and_one_that_contradicts_is_refused():
    text = (
        "Name,Arrival,Departure\n"
        "Jane,2026-12-01,2026-12-03\nJane,2026-12-01,2026-12-03\nJane,2026-12-01,2026-12-04\n"
    )

    reading = read(text)

    assert [(row.verdict, row.reason) for row in reading.rows] == [
        (Verdict.STAY, ""),
        (Verdict.LEFT_OUT, "It is the same as line 2."),
        (Verdict.UNREADABLE, "It contradicts line 2: the same booking with other details."),
    ]
    assert not reading.may_be_imported


def test_a_booking_of_two_rooms_is_two_stays_that_keep_their_numbers():
    text = "Name,Booking ID,Room,Arrival,Departure,Status\n"
    first = read(f"{text}Jane,4711,1,2026-12-01,2026-12-03,ok\nJane,4711,2,2026-12-01,2026-12-03,")
    later = read(f"{text}J. Doe,4711,1,2026-12-02,2026-12-05,Cancelled")

    one, two = first.stays
    (again,) = later.stays
    assert one.uid == again.uid != two.uid
    assert again.is_cancelled
    assert first.may_be_imported


def test_empty_lines_are_passed_over_and_numbers_are_those_of_the_file():
    rows = read("Name,Arrival,Departure\n,,\n\nJane,2026-12-01,2026-12-03\nJim,x,y\n").rows

    assert [row.number for row in rows] == [4, 5]


def test_what_is_over_is_left_out():
    assert the_row("2026-11-01", "2026-11-03").reason == "It is over."


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"\r\n\r\n", "The file is empty."),
        (b"x" * (MAX_BYTES + 1), "The file is larger than 5 MB. Nothing was imported."),
        (b"PK\x03\x04x", "The file is a workbook of Excel. Save it as CSV and choose it again."),
        (b"Name\x00,x", "The file is no table of text. Save it as CSV and choose it again."),
        (b"\x81\x8d", "The file is no table of text. Save it as CSV and choose it again."),
        (
            b"Name,Arrival,Departure\n" + b"J,2026-12-01,2026-12-03\n" * (MAX_ROWS + 1),
            "The file has more than 10,000 lines. Nothing was imported.",
        ),
        (
            b"Name,Arrival\n",
            "The first line names no column for departure. It needs headings such as: Name, "
            "E-mail, Phone, Room, Arrival, Departure.",
        ),
        (
            b"Name,From,Check-in,To\n",
            "The columns “From” and “Check-in” mean the same: keep one of them.",
        ),
    ],
)
def test_what_is_no_table_is_refused_whole(content, sentence):
    with pytest.raises(ReadError) as caught:
        read(content)

    assert str(caught.value) == sentence


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(DayOrder))
def test_nothing_else_is_raised(content, order):
    for each in (content, GERMAN.encode() + content):
        with contextlib.suppress(ReadError):
            read(each, order=order)


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_no_cell_raises(arrival, departure):
    with contextlib.suppress(ReadError):
        read(f'Name,Arrival,Departure\nJane,"{arrival}","{departure}"')
