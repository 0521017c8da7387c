"""A script of the page that lets a browser rest: what asks for every frame, on and on, is asked once a second."""

# Gradio's mark of loading counts on after it has gone, sixty times a second for as long as the page is open (6.31), and
# every frame wakes processes that take a run's cores from it. An animation of the page's own is over long before.
PATIENCE, PACE = 3_000, 1_000  # milliseconds
SLOW_DOWN = f"""<script>(() => {{
const ask = window.requestAnimationFrame.bind(window), forget = window.cancelAnimationFrame.bind(window);
let began = null;  // when the frame at work was first asked for, or what asked for it
window.requestAnimationFrame = (draw) => {{
  const since = began ?? performance.now();
  const drawn = (time) => {{ began = since; try {{ draw(time); }} finally {{ began = null; }} }};
  const lasting = performance.now() - since > {PATIENCE};
  return lasting ? -setTimeout(() => drawn(performance.now()), {PACE}) : ask(drawn);
}};
window.cancelAnimationFrame = (id) => id < 0 ? clearTimeout(-id) : forget(id);
}})();</script>"""
