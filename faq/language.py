"""Tells by its letters what a message is written in: Chinese and in which characters, English, or neither."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Literal

from core.model import Language, Locale, Script, Tongue
from faq.folding import simplified_characters, traditional

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
# What carries Latin letters in any language: vault references, addresses, anything with a digit in it.
_NOT_WORDS = re.compile(r"⟦[^⟧]*⟧|https?://\S+|\S+@\S+|[^\s⟦]*\d[^\s⟦]*")
_MAY_CARRY = re.compile(r"[⟦@\d]|://")  # stands in all of them
_LETTERS = re.compile(r"[a-zA-Zａ-ｚＡ-Ｚ]+")
# Short words that Chinese speakers type as they are; alone they say nothing about the language.
_SHARED = frozenset({"ok", "okay", "td", "t", "n", "y", "app", "atm", "pos", "id", "sms", "vip", "qq", "pin", "bye"})
# Words that names of products are not made of: one of them is enough to tell English from Chinese with a name in it.
_ENGLISH_WORDS = """
    a about account accounts address agent am amount an and any are ask at back balance bank be because borrow but
    by call can cancel card cards cash change charge charged chat check chinese close closed code complain complaint
    contact could credit debit declined deduction deposit did disputed do does doing don't done english expired
    failed fee fees file for forgot fraud from frozen full get give go good got had has have he hello help her here
    hey hi him his history hotline hours how human i if in insurance interest is it know last leave lend limit list
    loan loans lost make manager may me menu merchant message money morning much my need new next no not number of
    off on one online open opening operator or other our out over password payment people person phone please policy
    product questions rate real record refund report rights say scam score send service she should sorry start
    status still stolen stop talk tell thank thanks that the their them there they this time to transaction transfer
    unauthorized unsubscribe up us use wait want was we were what when where which who why will with wrong yes you
    your
"""
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
# Small words of French, German, Spanish, Italian, Portuguese, Malay, Indonesian and Vietnamese, without their marks.
# Left out is what is English, a syllable of pinyin, or in names of people, places and brands: de, la, von, banco, yang.
_OTHERS_WORDS = """
    aber abrir adalah aduan akan akaun anda apa apakah aprire aqui argent auch auf aux avec avez ayuda bagaimana
    bancaire bancaria banque bekomme belum berapa beschweren bisa bitte bloqueo boleh bonjour brauche buat buka
    cajero cara cartao cette chcialbym chuyen clave cobro combien como compte conta conto coute credito cua cual
    cuando cuanto cuenta dapat das deja dem dengan denuncia der des deux dich dien dimana dinero dinheiro ditipu
    dois donde duoc een ein eine einen entiendo eroeffnen etre euch faire faut fuer geld giup gracias guten habe
    haben hacer harus hat hatte het hilang hilfe hoe hola ich ihr il ingin ini ist itu jai je jest kami kann kapan
    karena karte kartu kein keine kenapa kepada kerana ket khoan khong kita klacht konto kostet lagi leur lewat
    macam mais mau mein meine meinem meiner membuka menunggu merci merde mes meu mich mijn minha mio mit moechte
    moje mot muon muy nach nak necesito ngan ngay nhan nicht niet noch nous nur nya obrigado oder pagar para pas
    perdi perdido perdu pero perso peux phai plainte por pour pourquoi preciso presentar puedo puis qua quel quelle
    quelles quels quero quien quiero quoi rakyat rapidement rekening repondre respuesta rien robaron saldo saya sehr
    sejak sem semua sich sind sono sudah suis supaya tarjeta telah telefono telepon tengo thi thoai tidak tiempo
    tien todo toi tolong toujours tren tres trouver uang ueber uma una und une uno untuk verloren vien voce voi
    vorrei vos votre voudrais vous wann warum wenn werden wie wieder wir wurde zurueck
"""
_OTHERS = frozenset(_OTHERS_WORDS.split())
_THEIRS_TOO = "a am an as bank come do hat he in me no on per so was will"  # English words that others have as well
_ALSO_OTHERS = frozenset(_THEIRS_TOO.split())
OTHERS_LEAST = 2  # different ones: one alone may be a name or a quotation …
WHOLE = 3  # words: … but not in so many of which none is a common English one
NAME_MAX = 2  # words: so many may be a name that somebody types in the middle of Chinese
LATIN_MAX = 512  # characters that are looked at; `_NOT_WORDS` takes time with the square of them
_MARKS = re.compile(r"[\u0300-\u036f]")
_WORD_OF_OTHERS = re.compile(r"[^\W\d_]{2,}")
# Scripts, as the names of their letters begin, that tell nothing against Chinese and English.
_OUR_SCRIPTS = "CJK LATIN FULLWIDTH BOPOMOFO MODIFIER IDEOGRAPHIC KANGXI MASCULINE FEMININE"
_OURS = frozenset(_OUR_SCRIPTS.split())
_ALSO_CHINESE = re.compile("[のノツシ]")  # as ornaments
_SURELY_OURS = re.compile(r"[\x00-\x7f‐-‧\u3000-\u3020\u4e00-\u9fff！-～]*")  # most messages


def detect(text: str, fallback: Language) -> Language:
    """What `text` is written in; `fallback`, the language spoken so far, where it does not tell.

    A few letters do not leave the language spoken so far: neither digits, emoji and "ok", nor one or two English words
    that may be a name, nor some Chinese characters in an English sentence.
    """
    seen = text[:LATIN_MAX]
    words = _latin_words(unicodedata.normalize("NFKC", _words_alone(seen)))
    english = not _ENGLISH.isdisjoint(words)
    if han := len(_HAN.findall(seen)) or bool(_HAN.search(text)):
        is_term = fallback == "en" and english and len(words) > NAME_MAX and len(words) >= han
        return "en" if is_term else "zh"
    words = [word for word in words if word not in _SHARED]
    if not words or (fallback == "zh" and not english and len(words) <= NAME_MAX):
        return fallback
    return "en"


def is_other(text: str) -> bool:
    """Is `text` in a language that is neither Chinese nor English, as far as its letters tell?

    Kana, Hangul, Cyrillic, Arabic, Thai … tell, so do several words with letters that English lacks, and so do small
    words of the commonest other languages where English ones are fewer (docs/decisions/0014).
    """
    seen = _ALSO_CHINESE.sub("", _words_alone(text[:LATIN_MAX]))
    if _has_words_of_others(seen):
        return True
    if _SURELY_OURS.fullmatch(seen):
        return False
    words = _WORD_OF_OTHERS.findall(unicodedata.normalize("NFC", seen))
    foreign = sum(_is_foreign(letter) for word in words for letter in word)
    latin = sum(letter.isascii() for word in words for letter in word)
    han = len(_HAN.findall(seen))
    if foreign >= 2 and foreign > latin and foreign * 3 >= han:
        return True
    marked = [word for word in words if any("À" <= letter <= "ɏ" or "Ḁ" <= letter <= "ỿ" for letter in word)]
    return not han and len(marked) >= 2 and len(marked) * 5 >= len(words)


def _words_alone(text: str) -> str:
    return _NOT_WORDS.sub(" ", text) if _MAY_CARRY.search(text) else text


def _latin_words(text: str) -> list[str]:
    found: list[str] = _LETTERS.findall(text)
    return " ".join(found).lower().split()


def _has_words_of_others(seen: str) -> bool:
    if _HAN.search(seen):
        return False
    bare = seen if seen.isascii() else _MARKS.sub("", unicodedata.normalize("NFKD", seen))
    words = _latin_words(bare)
    if _OTHERS.isdisjoint(words):
        return False
    found = [word for word in words if word in _OTHERS]
    english = sum(word in _ENGLISH and word not in _ALSO_OTHERS for word in words)
    if len(words) >= WHOLE and not english:
        return bool(found)
    return len(set(found)) >= OTHERS_LEAST and len(found) > english


def script(text: str) -> Script | Literal[""]:
    """The characters that `text` is written in: of those that only one of the two has, more tell; "" for as many."""
    seen = text[:LATIN_MAX]
    found = [_script_of_one(character) for character in _HAN.findall(seen)]
    hant, hans = found.count("Hant"), found.count("Hans")
    if hant != hans:
        return "Hant" if hant > hans else "Hans"
    # Words such as 瞭解 and 答覆 are traditional though neither character alone need be.
    return "Hant" if found and simplified_characters(seen) != seen else ""


def script_of(tag: str) -> Script | Literal[""]:
    """The characters that a language tag such as zh-Hant, zh_TW or zh-HK asks for, "" if it does not say."""
    parts = set(tag.replace("_", "-").lower().split("-"))
    if parts & {"hant", "tw", "hk", "mo"}:
        return "Hant"
    return "Hans" if parts & {"hans", "cn", "sg"} else ""


def locale(chosen: Tongue | Literal[""], spoken: Language, written: Script | Literal[""]) -> Locale:
    """What to answer in: as was `chosen`, else as is `spoken` and `written`."""
    if (chosen or spoken) == "en":
        return "en"
    return "zh-Hant" if (script_of(chosen) or written) == "Hant" else "zh"


@cache
def _script_of_one(character: str) -> Script | Literal[""]:
    if simplified_characters(character) != character:
        return "Hant"
    if traditional(character) == character:
        return ""
    try:  # what OpenCC would change may be at home in both, such as 后 and 里: Big5 has what goes with traditional ones
        character.encode("big5")
    except UnicodeEncodeError:
        return "Hans"
    return ""


@cache
def _is_foreign(letter: str) -> bool:
    return unicodedata.name(letter, "CJK").partition(" ")[0] not in _OURS
