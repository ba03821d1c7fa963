"""A name in its cases, terms in many languages: what finds their forms, what they leave alone."""

from __future__ import annotations

import pytest

from rules import Document, compile_rules, evaluate

FORMS = {
    "ru": "Путин Путина Путину Путиным Путине",
    "uk": "Путін Путіна Путіну Путіном Путінові Путіні",
    "pl": "Putin Putina Putinowi Putinem Putinie",
    "cs": "Putin Putina Putinovi Putinu Putinem Putine",
    "sl": "Putin Putina Putinu Putinom",
    "bg": "Путин Путине",
}
PREFIXES = {lang: f"{forms.split()[0]}*" for lang, forms in FORMS.items()}
OTHERS = {
    "ru": "Распутин и путь",
    "uk": "Распутін і путівник",
    "pl": "Rasputin i Put in",
    "cs": "Rasputin, pout",
    "sl": "Rasputin in puta",
    "bg": "Распутин, пътин",
}


@pytest.mark.parametrize("lang", FORMS)
def test_a_prefix_finds_the_name_in_every_case(lang: str) -> None:
    for form in FORMS[lang].split():
        match = evaluate(PREFIXES[lang], Document(f"«{form}», 2024", lang=lang))
        assert match is not None, form
        assert [(span.start, span.end) for span in match.spans] == [(1, 1 + len(form))]


@pytest.mark.parametrize("lang", ["ru", "pl", "cs"])
def test_an_inflected_term_finds_the_name_in_every_case_and_from_every_case(lang: str) -> None:
    forms = FORMS[lang].split()
    missing = [
        (term, form)
        for term in forms
        for form in forms
        if not evaluate(f"~{term}", Document(form, lang=lang))
    ]
    assert missing == []


@pytest.mark.parametrize("lang", ["uk", "sl", "bg"])
def test_without_a_stemmer_the_word_itself_is_found_and_the_linter_says_so(lang: str) -> None:
    base, *others = FORMS[lang].split()
    rules = compile_rules({"putin": f"~{base}"})
    assert rules.match(Document(base, lang=lang))
    assert not any(rules.match(Document(form, lang=lang)) for form in others)
    (warning,) = rules.lint([lang])
    assert warning.message == (
        f"~{base} finds the word itself only: there is no stemmer for {lang}"
    )
    assert warning.hint == f"write {base}* for its endings"


@pytest.mark.parametrize("lang", FORMS)
@pytest.mark.parametrize("mark", ["", "=", "~", "*"])
def test_no_way_of_writing_the_name_finds_words_that_hold_it(lang: str, mark: str) -> None:
    base = FORMS[lang].split()[0]
    term = f"{base}*" if mark == "*" else mark + base
    assert evaluate(term, Document(OTHERS[lang], lang=lang)) is None


COMPLAINTS = (
    ("pagan", "Soviet propaganda", "en"),
    ("Xi", "Xinhua reports", "en"),
    ("=US", "tell us more", "en"),
    ("~Xi", "Xinhua", "en"),
    ("Putin", "Rasputin", "id"),
    ("pipa", "sipapa", "id"),
    ("gas", "Gasse, Gasthaus", "de"),
    ("Rom", "Roman, Romane", "de"),
    ("gaz", "gazette", "fr"),
    ("=Ha", "ha sido", "es"),
    ("Xi", "Xinjiang, Taxi", "es"),
    ("gaz", "gazete", "tr"),
    ("газ", "газета, газон", "ru"),
    ("газ", "Газета", "bg"),
    ("غاز", "غازي", "ar"),
    ("گاز", "آغازگاز", "fa"),
    ("タイ", "タイトル", "ja"),
    ("日中", "25日、中国", "zh"),
    ("가스", "가스공사", "ko"),
    ("गैस", "गैसोलीन", "hi"),
    ("khí", "khi nào", "vi"),
    ("פוטין", "רספוטין", "he"),
)


@pytest.mark.parametrize(("term", "title", "lang"), COMPLAINTS)
def test_what_people_complain_of_is_not_found(term: str, title: str, lang: str) -> None:
    assert evaluate(term, Document(title, lang=lang)) is None


FINDS = (
    ("gas deal", '"gas deal"', "deal*", "~deals", "=Gas", "en", "A Gas deal, two deals"),
    ("pipa", '"pipa gas"', "kesepak*", "~pipa", "=Pipa", "id", "Pipa gas, pipanya, kesepakatan"),
    ("Leitung", '"neue Leitung"', "Leit*", "~Leitung", "=Leitung", "de", "Die neue Leitung"),
    ("gaz", '"le gaz"', "gazo*", "~gazoducs", "=Le", "fr", "Le gaz et le gazoduc"),
    ("gas", '"el gas"', "gasod*", "~gasoductos", "=El", "es", "El gas y el gasoducto"),
    ("gaz", '"rura gazowa"', "gazow*", "~gazowej", "=Gaz", "pl", "Gaz i rura gazowa"),
    ("plyn", '"novy plyn"', "plyn*", "~plynu", "=Nový", "cs", "Nový plyn"),
    ("газ", '"новый газ"', "газопр*", "~газопроводы", "=Газ", "ru", "Новый газ, Газ, газопровод"),
    ("газ", '"новий газ"', "газопр*", "~газ", "=Газ", "uk", "Новий газ, Газ, газопроводу"),
    ("gaz", '"yeni gaz"', "gaz*", "~gazlar", "=Yeni", "tr", "Yeni gaz"),
    ("غاز", '"خط غاز"', "أنابي*", "~الغاز", "=خط", "ar", "خط غاز في أنابيب والغاز"),
    ("天然气", '"天然气 管道"', "管*", "~管道", "=天然气", "zh", "天然气管道协议"),
    ("ガス", '"天然ガス"', "パイプ*", "~ガス", "=ガス", "ja", "天然ガスとパイプライン"),
    ("가스", '"가스 계약*"', "푸틴*", "~가스", "=가스", "ko", "푸틴이 가스 계약에"),
    ("ก๊าซ", '"ท่อ ก๊าซ"', "ก๊าซธ*", "~ก๊าซ", "=ก๊าซ", "th", "ท่อก๊าซธรรมชาติ"),
    ("गैस", '"गैस पाइपलाइन"', "पाइप*", "~गैस", "=गैस", "hi", "गैस पाइपलाइन"),
    ("khí", '"khí đốt"', "đườ*", "~khí", "=khí", "vi", "đường ống khí đốt"),
)


@pytest.mark.parametrize(
    ("expression", "lang", "title"),
    [(row[kind], row[5], row[6]) for row in FINDS for kind in range(5)],
)
def test_words_phrases_prefixes_stems_and_exact_terms_are_found(
    expression: str, lang: str, title: str
) -> None:
    assert evaluate(expression, Document(title, lang=lang)) is not None
