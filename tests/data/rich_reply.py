"""A reply with everything that replies have, for what draws it and what looks at it."""

SECTION = r"""## Part {n}: the mean

The **mean** of $x_1, \dots, x_n$ is \( \bar{{x}} = \frac1n \sum x_i \). The book costs $5, not $6,
and `code` such as `$PATH` is no *formula*; see [the article](https://example.org/mean).

$$
\sigma^2 = \frac{{1}}{{n}} \sum_{{i=1}}^n (x_i - \bar{{x}})^2
$$

```python
def mean(values: list[float]) -> float:
    # The sum over the count.
    return sum(values) / len(values) or "none"
```

\[
\int_0^1 x^2 \, dx = \frac13
\]

| value | square $x^2$ | word |
|---|---:|:-:|
| one | 1 | `a` |
| two | 4 | b |

1. First, add them up: $a + b$
   - a point below
   - and another one
2. Then divide, as in the text above.

> Quoted words stand by themselves.

"""
FORMULAS = 6  # of a section: two in the text, two displayed, one in the table, one in the list


def rich_reply(sections: int) -> str:
    """Return Markdown of that many sections, 900 characters each."""
    return "".join(SECTION.format(n=n) for n in range(1, sections + 1))
