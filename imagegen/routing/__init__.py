"""Row -> ranked models, and the sentence that says why. Pure but for reading the presets.

route.py    the nouns: Entry, Target, Routes
presets.py  data/routes.yaml and what a user lays over it -> Routes
wish.py     what a row asks for: which list of models, which size
offers.py   whether one offer of one model can make the row, and if not, why not
choice.py   the first that can
refusal.py  when none can: one sentence with what to do
"""

from imagegen.routing.choice import Choice, choose
from imagegen.routing.offers import Loser
from imagegen.routing.presets import load_routes, preset_names
from imagegen.routing.refusal import NoChoice
from imagegen.routing.route import Entry, Routes, Target

__all__ = ["Choice", "Entry", "Loser", "NoChoice", "Routes", "Target", "choose", "load_routes", "preset_names"]
