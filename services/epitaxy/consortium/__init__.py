"""A consortium: members learn one model together and share no row.

The main path: ``Coordinator.run`` asks all members of an ``Agreement`` for one masked vector after another through a
``Federation`` (port) and opens sums over all of them, each a ``LedgerEntry``; a ``MemberAgent`` answers for one member.
"""
