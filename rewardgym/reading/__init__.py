"""The machinery behind ``rewardgym.answers.read_answer``: one concept a file.

In: a reply as the model wrote it. Out: the one answer that it commits to, or none.
The order is text (one spelling for each character) > reasoning (what is visible) > candidates
(every value that could be an answer) > masking (those that cannot) > commitments (how strongly
each one is put forward) > choice (the one that stands). Every step keeps the length of the text,
so that an offset found at the end is an offset in the reply.
"""
