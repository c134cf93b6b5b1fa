"""The public edge: authenticates, meters, sheds, and forwards to the services behind it.

Messages pass as the bytes that their senders encoded. Of a request that holds structures, or names a model, the gateway
reads what it must check and count, and sends the same bytes on. Of the answer to a screen or a predict it reads the
outcomes, for metrics and the summary, and encodes it anew only if a structure is missing from it or its counts are
wrong. Every other answer, and everything between callers and the fine-tune service but measurements, passes unread.
"""
