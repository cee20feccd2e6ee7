"""Contacts of the agents that a process holds, where others hold the rest: what is asked of them, and what is sent."""
