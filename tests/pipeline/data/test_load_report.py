from pipeline.data.load_report import LoadReport


def test_a_plain_table_has_a_line_that_says_what_is_compared() -> None:
    report = LoadReport("y", "yes", n_rows=20, n_positive=7, n_unlabelled=0, left_out={}, mixed={}, against={"no": 13})
    assert str(report) == "'y' is 'yes' (7 of 20 rows) against 'no'"


def test_all_that_may_surprise_has_a_line() -> None:
    report = LoadReport(
        "y",
        "mid",
        n_rows=2000,
        n_positive=8,
        n_unlabelled=1300,
        left_out={"id": "id_like", "same": "constant", "no": "id_like"},
        mixed={"age": "line 7: 'n/k'"},
        against={"low": 1000, "high": 992},
        merged={"MID": "mid"},
        said={"day": "dates, as days"},
        file="tabs between the columns",
    )
    assert str(report).splitlines() == [
        "'y' is 'mid' (8 of 2,000 rows) against 'low', 'high'",
        "read with tabs between the columns",
        "labels that differ in case count as one: 'MID'",
        "so few rows of one class that accuracy says little: see AUC and average precision",
        "1,300 rows without 'y' left out",
        "left out as id_like: 'id', 'no'",
        "left out as constant: 'same'",
        "text, because of line 7: 'n/k': 'age'",
        "read as dates, as days: 'day'",
    ]
