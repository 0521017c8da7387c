"""All JavaScript of the page."""

from playground.ui.compat import MESSAGES, RUN_ROUTE, TABLES, UNCHANGED

LANGUAGE_COOKIE = "playground_language"

# Gradio picks a language only among those it ships, so the visitor's words take the place of its English. A browser of
# a language that the page lacks reads English, and the document says so, whatever Gradio's own words are in.
CHOOSE_LANGUAGE = f"""<script>(() => {{
const asked = (document.cookie.match(/{LANGUAGE_COOKIE}=(\\w+)/) || [])[1] || navigator.language.slice(0, 2);
const words = (window.gradio_config || {{}}).i18n_translations;
if (words) {{
  const chosen = words[asked] ? asked : "en";
  words.en = words[chosen];
  window.gradio_config.title = words[chosen]["page.title"];
  new MutationObserver(() => {{
    if (document.documentElement.lang !== chosen) document.documentElement.lang = chosen;
  }}).observe(document.documentElement, {{attributes: true, attributeFilter: ["lang"]}});
}}
}})();</script>"""

# Gradio's loading indicator (6.31) keeps a requestAnimationFrame loop running after it has gone, sixty times a second
# for as long as the page is open. Every frame wakes processes that take cores from a training run. An animation of the
# page's own ends long before PATIENCE, so only loops that last are slowed down.
PATIENCE, PACE = 3_000, 1_000  # milliseconds
SLOW_DOWN_FRAMES = f"""<script>(() => {{
const request = window.requestAnimationFrame.bind(window), cancel = window.cancelAnimationFrame.bind(window);
let began = null;  // when the loop that is now drawing was started
window.requestAnimationFrame = (draw) => {{
  const since = began ?? performance.now();
  const drawFrame = (time) => {{ began = since; try {{ draw(time); }} finally {{ began = null; }} }};
  const lasting = performance.now() - since > {PATIENCE};
  return lasting ? -setTimeout(() => drawFrame(performance.now()), {PACE}) : request(drawFrame);
}};
window.cancelAnimationFrame = (id) => id < 0 ? clearTimeout(-id) : cancel(id);
}})();</script>"""
GIVE_ROLES = f"""<script>
new MutationObserver(() => {{
  for (const each of document.querySelectorAll('{MESSAGES}')) if (!each.role) each.role = "group";
}}).observe(document, {{childList: true, subtree: true}});
</script>"""

# On a phone a table's rows are cards, see style.css: each cell says its column's name.
NARROW = "(max-width: 640px)"
LABEL_CELLS = f"""<script>(() => {{
const narrow = window.matchMedia("{NARROW}");
const label = () => {{
  if (!narrow.matches) return;
  for (const table of document.querySelectorAll('{TABLES}')) {{
    const names = {{}};
    for (const head of table.querySelectorAll('[role="columnheader"]')) names[head.ariaColIndex] = head.title;
    for (const cell of table.querySelectorAll('[role="gridcell"]')) {{
      const name = names[cell.ariaColIndex] ?? "";
      if (cell.dataset.label !== name) cell.dataset.label = name;
    }}
  }}
}};
narrow.addEventListener("change", label);
new MutationObserver(label).observe(document, {{childList: true, subtree: true}});
}})();</script>"""
FIRST_PAGE_SCRIPTS = CHOOSE_LANGUAGE + SLOW_DOWN_FRAMES + GIVE_ROLES + LABEL_CELLS

# Gradio also calls it when the choice loses the focus unchanged, as for whoever goes through the page by keyboard.
SWITCH_LANGUAGE = f"""(language) => {{
  if (language === document.documentElement.lang) return;
  const framed = 'SameSite=None; Secure; Partitioned';
  const place = location.protocol === 'https:' ? framed : 'SameSite=Lax';
  document.cookie = `{LANGUAGE_COOKIE}=${{language}}; path=/; max-age=31536000; ${{place}}`;
  location.reload();
}}"""

# The reader is drawn a moment after the answer has come, so its button cannot take the focus at once.
FOCUS_READER = """() => {
  window.citedFrom = document.activeElement;
  setTimeout(() => {
    const panel = document.getElementById("reader");
    if (!panel || !panel.offsetParent) return;
    panel.scrollIntoView({block: "nearest"});
    document.getElementById("reader-close")?.focus({preventScroll: true});
  }, 250);
}"""
FOCUS_CITATION = "() => { window.citedFrom?.focus(); }"

NOW = "() => String(Date.now())"  # for a box whose change is an event

# Of Ask and Stop, only the one that can be pressed is visible; with Ask comes a change of such a box.
SHOW_STOP, SHOW_ASK = (
    f"""() => [...[{shown}, !{shown}].map(visible => ({{__type__: "{UNCHANGED["__type__"]}", visible}})){more}]"""
    for shown, more in (("false", ""), ("true", ", String(Date.now())"))
)


def open_tab(tab: str) -> str:
    """A handler that gives the update of the tabs that opens one of them."""
    return f"""() => ({{__type__: "{UNCHANGED["__type__"]}", selected: "{tab}"}})"""


def poll_script(endpoint: str, outputs: int) -> str:
    """A handler that calls an endpoint by itself and gives `outputs` updates; its input is what was sent last.

    An event that Gradio's own client sends costs the browser a fifth of a second, most of it for components that are
    not among its outputs. Without the session's name Gradio would make a new session for each call.
    """
    return f"""async (sent) => {{
  const unchanged = Array({outputs}).fill({{__type__: "{UNCHANGED["__type__"]}"}});
  const {{root, api_prefix}} = window.gradio_config;
  const body = JSON.stringify({{data: [sent], session_hash: sent.split(" ")[0] || null}});
  const request = {{method: "POST", headers: {{"Content-Type": "application/json"}}, body}};
  try {{
    const response = await fetch(`${{root}}${{api_prefix}}{RUN_ROUTE}/{endpoint}`, request);
    if (!response.ok) return unchanged;
    const {{data: [sheet, ...others]}} = await response.json();
    return [sheet.includes("\\n") ? sheet : unchanged[0], ...others];  // without a line there is nothing to draw
  }} catch {{
    return unchanged;  // the app cannot be reached: the next tick tries again
  }}
}}"""


def frame_script(box: str, outputs: int) -> str:
    """A handler that gives `outputs` updates from the lines of a text that it has not applied yet; see shared.frames.

    Gradio evaluates a handler anew at each call, so what it must remember of its box is kept on the window: the stream,
    how many lines were applied, and the values. "more" is added to the last message of a chat, "text" replaces it.
    """
    return f"""(sheet) => {{
  const [stream, ...lines] = (sheet || "").split("\\n");
  const boxes = window.playgroundBoxes ??= {{}};
  if (boxes.{box}?.stream !== stream) boxes.{box} = {{stream, count: 0, values: {{}}}};
  const box = boxes.{box};
  const updates = Array.from({{length: {outputs}}}, () => ({{__type__: "{UNCHANGED["__type__"]}"}}));
  for (const line of lines.slice(box.count)) {{
    for (const [place, {{more, text, ...update}}] of Object.entries(JSON.parse(line))) {{
      if (more !== undefined || text !== undefined) {{
        const chat = structuredClone(box.values[place]), words = chat.at(-1).content[0];
        words.text = text ?? words.text + more;
        update.value = chat;
      }}
      if ("value" in update) box.values[place] = update.value;
      Object.assign(updates[place], update);
    }}
  }}
  box.count = lines.length;
  return updates;
}}"""
