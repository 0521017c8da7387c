# %% [markdown]
# # Examine, and read the verdict
# Questions made from the text go to every arm and are graded on this machine. With few questions the verdict is
# "too close to call"; 60, the usual number, take some minutes more.

# %% A text and an adapter that is trained on it
import sys

sys.path.insert(0, "")  # the repository's folder, from which this is run
import playground

text = playground.Text.read("playground/data/example_texts/us_constitution.txt")
run = playground.train(text, "runs/constitution", max_steps=12)

# %% Ask every arm
arms = playground.Arms(text, adapter=run.folder)
found = playground.examine(
    arms,
    "runs/exam",
    ["base", "rag", "tuned"],
    limit=6,
    facts=0,
    on_progress=lambda event: print(f"{event.done} of {event.total} answers"),
)

# %% The verdict, and a figure with its interval
print("\n".join(found.verdict))
for name, arm in found.report.figures.arms.items():
    print(f"{name}: right among choices {arm.choice.value:.0%} ({arm.choice.low:.0%} to {arm.choice.high:.0%})")
print(f"The report is {found.folder / 'report.html'}")
