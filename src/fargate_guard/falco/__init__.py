"""The language of Falco's rule files: conditions, rules, macros, lists. Pure: no Sysdig, no screen, no network.

https://falco.org/docs/concepts/rules/
"""
