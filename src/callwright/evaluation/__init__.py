"""How well a brain decides: situations with right and forbidden answers, and scores over them.

Situations are data (the folder ``evals/``). They are made into what a cycle would see with the
desk's own scanner and gates, a brain is asked, and its answer is scored. Nothing here can reach an
order: there is no venue, and no home but the usage book of models.
"""
