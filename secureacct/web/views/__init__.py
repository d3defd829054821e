"""One file per journey: ``async def view(knock) -> Answer``. A view reads a form, calls one step, and says
what to show; it decides nothing about security."""
