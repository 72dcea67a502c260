"""What the newest decisions did, one line each; what of earlier orders was told meanwhile."""

from __future__ import annotations

from callwright.domain.decision import Action
from callwright.explain.questions import Asked
from callwright.explain.templates_held import found_all, names_of
from callwright.explain.templates_look import Look, where_of
from callwright.explain.templates_record import brief
from callwright.explain.templates_settled import told_then
from callwright.explain.templates_words import NOUN, cited, listed, plain, several, span_words

SUMMARY_MAX = 20


async def summary(asked: Asked, look: Look) -> list[str]:
    """Say what the newest decisions did, one line each, with counts by action."""
    count = min(asked.count or (SUMMARY_MAX if asked.span else 10), SUMMARY_MAX)
    where = where_of(asked, action=asked.actions)
    names = names_of(asked)
    # Holds have no coin: with them, what a decision is about stands in its words.
    by_words = bool(names) and (not asked.actions or Action.DO_NOTHING in asked.actions)
    if by_words:
        where = where.model_copy(update={"underlying": None, "symbol": None, "strike_usd": None})
    page = await look.search(
        where,
        text=" ".join(names) if by_words else None,
        limit=SUMMARY_MAX if by_words else count,
        is_each=True,
        is_oldest="first" in asked.concepts,
    )
    # A trade of one coin may tell of another's settlement; that is said by itself.
    hits = [
        hit
        for hit in page.result["hits"]
        if not by_words or asked.coin in (None, hit["underlying"] or asked.coin)
    ][:count]
    span = span_words(asked.span)
    if not hits or (by_words and not found_all(page)):
        return [f"No such decision is on record{span} {cited(page)}."]
    blocks = []
    if asked.count and asked.count > SUMMARY_MAX:
        blocks.append(f"At most {SUMMARY_MAX} decisions are listed; `callwright decisions list` "
                      "shows more.")  # fmt: skip
    details = [await look.decision(hit["id"]) for hit in hits]
    if by_words:
        more = "" if page.result["total_is_exact"] else "More than "
        total = several(page.result["total"], "decision")
        blocks.append(f"{more}{total}{span}, by their words about {_spoken(names)} {cited(page)}.")
    elif asked.span is not None:
        counted = await look.stats("action", where=where)
        rows = counted.result["rows"]
        told = ", ".join(several(r["count"], NOUN.get(r["keys"]["action"], "?")) for r in rows)
        blocks.append(f"{told}{span} {cited(counted)}.")
    if (
        (by_words or asked.span is not None)
        and not asked.count
        and page.result["total"] > len(details)
    ):
        which = "first" if "first" in asked.concepts else "newest"
        blocks.append(f"Not all of them are listed; these are the {which}:")
    about = names if by_words else ()
    blocks.append(listed([brief(found, about=about) for found in details]))
    if asked.span is not None and not asked.actions:
        blocks += await told_then(asked, look)
    return blocks


def _spoken(names: tuple[str, ...]) -> str:
    return " and ".join(plain(name.replace("_", " ").lower() if "_" in name else name)
                        for name in names)  # fmt: skip
