"""The first line of a table -> which column is what, in the languages of our houses. Pure."""

import re
import unicodedata
from collections.abc import Sequence

from access.reservations.stays import ReadError, shown

#: Column -> what it is called in English, Dutch, German, French, Spanish, Portuguese, Italian.
_CALLED = {
    "name": "name, full name, guest, guest name, guest full name, naam, gast, gastnaam, volledige "
    "naam, gastname, vollständiger name, nom, nom complet, client, nom du client, hôte, nombre, "
    "nombre completo, huésped, nombre del huésped, cliente, nome, nome completo, hóspede, nome do "
    "hóspede, nome ospite, ospite",
    "first_name": "first name, given name, forename, voornaam, vorname, prénom, nombre de pila, "
    "primeiro nome",
    "last_name": "last name, surname, family name, achternaam, nachname, familienname, nom de "
    "famille, apellido, apellidos, apelido, sobrenome, cognome",
    "email": "email, e mail, email address, e mail address, guest email, mail, e mailadres, "
    "emailadres, e mail adresse, email adresse, adresse e mail, adresse email, courriel, correo, "
    "correo electrónico, endereço de email, correio eletrónico, indirizzo email",
    "phone": "phone, phone number, telephone, mobile, mobile phone, tel, telefoon, "
    "telefoonnummer, mobiel, telefon, telefonnummer, handy, mobil, téléphone, portable, numéro de "
    "téléphone, teléfono, móvil, telefone, telemóvel, celular, telefono, cellulare",
    "room": "room, room name, room number, unit, unit name, apartment, property, listing, "
    "accommodation, kamer, kamernummer, appartement, accommodatie, zimmer, zimmernummer, wohnung, "
    "unterkunft, chambre, logement, habitación, alojamiento, apartamento, quarto, alojamento, "
    "camera, alloggio, space",
    "arrival": "arrival, arrival date, check in, checkin, check in date, from, start, start date, "
    "starts, aankomst, aankomstdatum, van, inchecken, anreise, anreisedatum, ankunft, von, beginn, "
    "arrivée, date d arrivée, du, début, llegada, fecha de llegada, entrada, fecha de entrada, "
    "desde, chegada, data de chegada, data de entrada, arrivo, data di arrivo",
    "departure": "departure, departure date, check out, checkout, check out date, to, until, end, "
    "end date, ends, vertrek, vertrekdatum, tot, uitchecken, abreise, abreisedatum, bis, ende, "
    "départ, date de départ, au, fin, salida, fecha de salida, hasta, partida, saída, data de "
    "saída, data de partida, partenza, data di partenza",
    "arrival_time": "arrival time, check in time, checkin time, aankomsttijd, inchecktijd, "
    "ankunftszeit, anreisezeit, check in zeit, heure d arrivée, hora de llegada, hora de entrada, "
    "hora de chegada, ora di arrivo",
    "departure_time": "departure time, check out time, checkout time, vertrektijd, uitchecktijd, "
    "abreisezeit, check out zeit, heure de départ, hora de salida, hora de saída, ora di partenza",
    "reference": "reference, booking, booking number, booking id, booking reference, book number, "
    "reservation, reservation id, reservation number, confirmation, confirmation code, "
    "confirmation number, boeking, boekingsnummer, reserveringsnummer, buchungsnummer, "
    "reservierungsnummer, buchung, numéro de réservation, réservation, número de reserva, reserva, "
    "numero di prenotazione, prenotazione, id",
    "status": "status, booking status, état, statut, estado, stato",
}
_NEEDED = ("arrival", "departure")


def plain(heading: str) -> str:
    """Return a heading without accents, signs and capitals."""
    letters = unicodedata.normalize("NFKD", heading.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[^\w]+|_", " ", bare).split())


_COLUMN_OF = {plain(word): column for column, words in _CALLED.items() for word in words.split(",")}


def columns_of(headings: Sequence[str]) -> dict[str, int]:
    """Return which column is where. Raises ReadError where arrival and departure are not told."""
    found: dict[str, int] = {}
    for place, heading in enumerate(headings):
        column = _COLUMN_OF.get(plain(heading))
        if column is None:
            continue
        if column in found:
            first = shown(headings[found[column]], 40)
            raise ReadError(
                f"The columns “{first}” and “{shown(heading, 40)}” mean the same: keep one of them."
            )
        found[column] = place
    missing = [column for column in _NEEDED if column not in found]
    if missing:
        raise ReadError(
            f"The first line names no column for {' or '.join(missing)}. It needs headings such "
            "as: Name, E-mail, Phone, Room, Arrival, Departure."
        )
    return found
