# %% [markdown]
# # Four ways to answer one question
# The base model, retrieval, a fine-tuned adapter, and both together, in one batch over one model.

# %% A text and an adapter that is trained on it
import sys

sys.path.insert(0, "")  # the repository's folder, from which this is run
import playground

text = playground.Text.read("playground/data/example_texts/us_constitution.txt")
run = playground.train(text, "runs/constitution", max_steps=12)

# %% What can answer
arms = playground.Arms(text, adapter=run.folder)
print(arms.names)

# %% All of them, side by side, with what was looked up
answers = playground.ask(arms, "Who chooses the Vice President?", ["base", "rag", "tuned", "both"], max_new_tokens=48)
for name, answer in answers.items():
    print(f"{name} ({answer.tokens} tokens): {answer.text}")
    for hit in answer.passages[:2]:
        print(f"    read {hit.passage.source}, characters {hit.passage.start} to {hit.passage.end}")
