"""How the demo looks: theme and style sheet, light and dark, in the system's own fonts."""

import gradio as gr

CSS = """
.dark { --color-accent: var(--primary-400); }
.gradio-container { max-width: 1240px !important; width: 100%; margin: 0 auto; }
.tabs { width: 100%; }
.html-container { padding: 0 !important; }
header h1 { font-size: 1.75rem; font-weight: 650; letter-spacing: -.02em; margin: .25rem 0 0;
  color: var(--body-text-color); }
header p { font-size: 1.05rem; color: var(--body-text-color-subdued); margin: .25rem 0 .5rem; }
.quiet, .facts p { font-size: .85rem; line-height: 1.45; margin: .45rem 0 0;
  color: var(--body-text-color-subdued); }
.quiet b { color: var(--body-text-color); }

.side, #source, #settings, #result, #why { gap: var(--layout-gap); }
.pair > .column { gap: 2px; }
.pair { display: grid !important; gap: var(--layout-gap);
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr)); }
#source, #result { gap: 10px; }
#samples .grid-wrap { height: auto; min-height: 0; max-height: none; padding: 2px; }
#samples .grid-container { grid-template-columns: repeat(5, minmax(0, 1fr)) !important;
  gap: 8px; grid-auto-rows: auto !important; }
#samples .gallery-item { height: auto; }
#samples .thumbnail-item { border-radius: 8px; min-width: 0; aspect-ratio: 1;
  height: auto !important; }
#samples .caption-label { display: none; }

/* the last result stays in sight behind the progress bar */
#both .wrap.default, #decoded .wrap.default {
  background: color-mix(in srgb, var(--block-background-fill) 78%, transparent); }

.facts dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(94px, 1fr));
  gap: 8px; margin: 0; }
.facts dl > div { display: flex; flex-direction: column-reverse; justify-content: flex-end;
  padding: .6rem .75rem; background: var(--block-background-fill); border-radius: 8px;
  border: 1px solid var(--border-color-primary); }
.facts dd { margin: 0; font-size: 1.15rem; font-weight: 600; white-space: nowrap;
  font-variant-numeric: tabular-nums; color: var(--body-text-color); }
.facts dt { font-size: .8rem; color: var(--body-text-color-subdued); }

@media (max-width: 700px) {
  header h1 { font-size: 1.4rem; }
  header p { font-size: .95rem; }
  .facts dd { font-size: 1.05rem; }
  .facts dl > div { padding: .45rem .5rem; }
  #bench { flex-direction: column; }
  #bench > .side { display: contents; }
  #source { order: 1; } #result { order: 2; } #settings { order: 3; } #why { order: 4; }
}
"""

# Gradio confines the style sheet above to what is inside its own frame; this is about the frame.
HEAD = """
<style>
.gradio-container .main.app { width: 100%; }
@media (max-width: 700px) { .gradio-container .main.app { padding: 12px !important; } }
</style>
"""
JS = """
() => {
  // Gradio's image slider has neither alternative texts nor a way without a pointer.
  const step = (handle, by) => {
    const box = handle.getBoundingClientRect();
    const y = box.top + box.height / 2, x = box.left + box.width / 2;
    const send = (target, type, at) => target.dispatchEvent(new MouseEvent(
      type, { bubbles: true, cancelable: true, view: window, clientX: at, clientY: y }));
    send(handle, "mousedown", x);
    send(window, "mousemove", x + by);
    send(window, "mouseup", x + by);
  };
  const mend = () => {
    const both = document.querySelector("#both");
    if (!both) return;
    const names = ["Original picture", "Decoded picture"];
    both.querySelectorAll("img").forEach((image, i) => {
      if (image.alt !== names[i]) image.alt = names[i] ?? "";
    });
    const handle = both.querySelector("[data-testid=slider]");
    if (!handle || handle.tabIndex === 0) return;
    handle.tabIndex = 0;
    handle.setAttribute("role", "separator");
    handle.setAttribute("aria-label", "Divider: original left, decoded right; use arrow keys");
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -20, ArrowRight: 20 }[event.key];
      if (by) { event.preventDefault(); step(handle, by); }
    });
  };
  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  mend();
}
"""
"""Runs once in the browser."""


def theme() -> gr.themes.Base:
    """Quiet slate with one teal accent; no font is fetched."""
    colors = gr.themes.colors
    return gr.themes.Base(
        primary_hue=colors.teal,
        secondary_hue=colors.teal,
        neutral_hue=colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        # contrast of at least 4.5 to 1 on their backgrounds
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        color_accent="*primary_700",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_shadow="none",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        checkbox_background_color_selected="*primary_700",
        checkbox_label_background_fill="*neutral_100",
        checkbox_label_background_fill_dark="*neutral_800",
        slider_color="*primary_700",
        slider_color_dark="*primary_600",
    )
