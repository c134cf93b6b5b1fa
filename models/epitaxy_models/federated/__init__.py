"""What members of a consortium compute on their own rows, and what they make of the sums over all members.

The main path: ``MemberLearner`` gives one vector after another (``sum_steps``), receives the sum of each over all
members, and ends with a ``FederatedModel``, which the member stacks, calibrates and judges on its own rows
(``PrivateStack``). Nothing here talks to another member: what carries vectors is not the science's business.
"""
