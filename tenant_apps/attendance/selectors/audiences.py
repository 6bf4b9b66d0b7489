"""Who belongs to the audience of an event, in SQL: the same words for the roster and for freezing it."""

from typing import Final

# ``e`` is the event, ``u`` a person, ``p`` their profile. A part that a row leaves out, or leaves empty, fits anybody;
# no rows mean everybody. Spelling counts, capitals do not.
IN_AUDIENCE: Final = """
    (u.is_active AND u.role = 'student' AND (jsonb_array_length(e.audience) = 0 OR EXISTS (
        SELECT 1 FROM jsonb_to_recordset(e.audience) AS g(department text, program text, year_level text, section text)
         WHERE (coalesce(g.department, '') = '' OR lower(g.department) = lower(p.department))
           AND (coalesce(g.program, '') = '' OR lower(g.program) = lower(p.program))
           AND (coalesce(g.year_level, '') = '' OR g.year_level = p.year_level::text)
           AND (coalesce(g.section, '') = '' OR lower(g.section) = lower(p.section)))))
"""
