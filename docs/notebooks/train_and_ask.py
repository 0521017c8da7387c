# %% [markdown]
# # Train on a text and ask
# A few minutes on two cores. Run the cells in an editor that knows `# %%`, or all of it from the folder of the
# repository: `.venv/bin/python docs/notebooks/train_and_ask.py`

# %% A text, read as the page reads it
import sys

sys.path.insert(0, "")  # the repository's folder, from which this is run
import playground

text = playground.Text.read("playground/data/example_texts/us_constitution.txt")
print(f"{len(text.documents[0].text):,} characters")

# %% Fine-tune the chat model on it; the folder gets the adapter
run = playground.train(
    text,
    "runs/constitution",
    method="lora",
    max_steps=12,
    on_progress=lambda event: print(f"step {event.step} of {event.steps}"),
)
print(f"held-out loss {run.end.heldout_before:.2f} before, {run.end.heldout_after or 0:.2f} after")

# %% Ask the untouched model and the fine-tuned one
arms = playground.Arms(adapter=run.folder)
for name, answer in playground.ask(arms, "How long is the term of a senator?", max_new_tokens=48).items():
    print(f"{name}: {answer.text}")
