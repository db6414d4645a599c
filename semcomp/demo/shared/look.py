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

.side, #source, #settings { gap: var(--layout-gap); }
.pair > .column { gap: 2px; }
.pair { display: grid !important; gap: var(--layout-gap);
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 260px), 1fr)); }
#source, #settings { gap: 10px; }
#samples .grid-wrap { height: auto; min-height: 0; max-height: none; padding: 2px; }
#samples .grid-container { grid-template-columns: repeat(5, minmax(0, 1fr)) !important;
  gap: 8px; grid-auto-rows: auto !important; }
#samples .gallery-item { height: auto; }
#samples .thumbnail-item { border-radius: 8px; min-width: 0; aspect-ratio: 1;
  height: auto !important; }
#samples .caption-label { display: none; }
#aim { align-items: flex-end; gap: 8px; } #fit { min-height: 44px; font-size: 1rem; }
/* the line's text stays readable while it tells one's place in the queue */
#expected .pending, #expected.pending { opacity: 1 !important; }

/* white on white: what is to be grasped needs an edge */
input[type=range]::-webkit-slider-thumb { box-shadow: 0 0 0 2px var(--slider-color) !important; }
input[type=range]::-moz-range-thumb { box-shadow: 0 0 0 2px var(--slider-color) !important; }

/* the last result stays in sight behind the progress bar */
#decoded .wrap.default {
  background: color-mix(in srgb, var(--block-background-fill) 78%, transparent); }

.facts p.headline { font-size: 1.15rem; font-weight: 650; letter-spacing: -.01em;
  margin: .2rem 0 .5rem; color: var(--body-text-color); }
.facts dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(76px, 1fr));
  gap: 8px; margin: 0; }
.facts dl > div { display: flex; flex-direction: column-reverse; justify-content: flex-end;
  padding: .55rem .55rem; background: var(--block-background-fill); border-radius: 8px;
  border: 1px solid var(--border-color-primary); }
.facts dd { margin: 0; font-size: 1.08rem; font-weight: 600; white-space: nowrap;
  font-variant-numeric: tabular-nums; color: var(--body-text-color); }
.facts table { width: 100%; padding: 0; border-collapse: separate; border-spacing: 0; margin: 0;
  border: 1px solid var(--border-color-primary); border-radius: 8px; overflow: hidden;
  background: var(--block-background-fill); font-variant-numeric: tabular-nums; }
.facts tr { margin: 0; padding: 0; }
.facts th, .facts td { margin: 0; vertical-align: baseline; padding: .42rem .75rem; border: 0;
  text-align: right; font-weight: 500;
  color: var(--body-text-color); }
.facts tbody tr + tr > * { border-top: 1px solid var(--border-color-primary); }
.facts thead th, .facts thead td { border-bottom: 1px solid var(--border-color-primary);
  background: var(--background-fill-secondary); font-weight: 650; }
.facts thead small { display: block; font-weight: 400; font-size: .8rem;
  color: var(--body-text-color-subdued); }
.facts tbody tr th { text-align: left; color: var(--body-text-color-subdued); font-weight: 400; }
.facts td.best { font-weight: 700; }
.facts td.best::before { content: "\\2713"; margin-right: .45em; color: var(--color-accent); }
.facts dt { font-size: .8rem; color: var(--body-text-color-subdued); }

@media (max-width: 700px) {
  header h1 { font-size: 1.3rem; }
  header p { font-size: .9rem; margin-bottom: .2rem; }
  .facts dd { font-size: 1rem; }
  .facts dl { grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 6px; }
  .facts dl > div { padding: .4rem .35rem; }
  #picture { height: 132px !important; }  /* the result itself comes higher up */
  #bench { flex-direction: column; }
  /* picture, result, then what changes it: the result stays in sight of the slider */
  #bench > .side, #viewer, #viewer > .html-container, #viewer .has_children {
    display: contents !important; }
  #source { order: 1; } #viewer .has_children > div:first-child { order: 2; width: 100%; }
  #settings { order: 3; } #facts, #files { order: 4; }
  #viewer .has_children > div:last-child { order: 5; width: 100%; } .after { order: 6; }
}
"""

# Gradio confines the style sheet above to what is inside its own frame; this is about the frame.
HEAD = """
<style>
.gradio-container .main.app { width: 100%; }
@media (max-width: 700px) {
  .gradio-container .main.app { padding: 12px !important; }
  footer .divider { display: none; }  /* what it divides is not shown on phones */
}
</style>
"""
JS = """
() => {
  // A picture pasted anywhere on the first tab is taken as if it had been uploaded.
  document.addEventListener("paste", (event) => {
    const picture = [...event.clipboardData.files].find((f) => f.type.startsWith("image/"));
    if (!picture || !document.querySelector("#picture")?.checkVisibility()) return;
    const put = () => {
      const input = document.querySelector("#picture input[type=file]");
      if (!input) return false;
      const files = new DataTransfer();
      files.items.add(picture);
      input.files = files.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
      return true;
    };
    if (put()) return;
    document.querySelector("#picture button[aria-label='Remove Image']")?.click();
    setTimeout(put, 150);
  });
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
        checkbox_border_color="*neutral_400",
        checkbox_border_color_dark="*neutral_500",
        button_border_width="1px",
        button_secondary_background_fill="white",
        button_secondary_background_fill_dark="*neutral_900",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_hover_dark="*neutral_800",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_large_text_size="*text_md",
        slider_color="*primary_700",
        slider_color_dark="*primary_600",
    )
