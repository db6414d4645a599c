"""The block panel in the browser: its HTML and style sheet."""

TEMPLATE = """
<div class="panel">
  <p class="empty">@EMPTY@</p>
  <div class="body" hidden>
    <div class="left">
      <div class="layers" role="radiogroup" aria-label="What to show"></div>
      <div class="stage">
        <canvas class="picture" tabindex="0" role="application"
          aria-label="Picture in blocks of 8 by 8 pixels. Arrow keys choose a block, with Shift
          eight blocks further."></canvas>
        <div class="cursor" aria-hidden="true"></div>
      </div>
      <div class="scale off"><span class="low"></span><canvas width="256" height="1"
        aria-hidden="true"></canvas><span class="high"></span></div>
      <div class="scrub">
        <button class="play" type="button" aria-label="Play the iterations">▶</button>
        <input class="k" type="range" min="0" max="1" step="1" value="0" aria-label="Iteration">
        <output class="kname"></output>
      </div>
      <p class="cut" aria-live="polite"></p>
      <div class="saves"><button class="save" type="button">Download the file cut here</button>
        <button class="png" type="button">PNG</button></div>
      <p class="note"></p>
    </div>
    <div class="right">
      <h3 class="which"></h3>
      <dl class="tiles"></dl>
      <div class="loupes">
        <figure><canvas class="loupe before" width="216" height="216"></canvas>
          <figcaption>Original</figcaption></figure>
        <figure><canvas class="loupe after" width="216" height="216"></canvas>
          <figcaption class="aftername"></figcaption></figure>
      </div>
      <p class="said" aria-live="polite"></p>
      <div class="steps" role="group" aria-label="The block after every iteration"></div>
    </div>
  </div>
</div>
"""

CSS = """
.panel { color: var(--body-text-color); font-size: .9rem; }
.empty { color: var(--body-text-color-subdued); padding: 2.5rem 1rem; text-align: center;
  border: 1px dashed var(--border-color-primary); border-radius: 8px; margin: 0; }
[hidden] { display: none !important; }
.body { display: grid; gap: 1.25rem; grid-template-columns: minmax(0, 7fr) minmax(0, 5fr); }
.left, .right { min-width: 0; }
.layers { display: flex; flex-wrap: wrap; gap: 4px; margin-bottom: 8px; }
button { font: inherit; color: inherit; background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); border-radius: 8px; padding: .35rem .7rem;
  cursor: pointer; min-height: 36px; }
button:hover { border-color: var(--color-accent); }
button:focus-visible, canvas:focus-visible, input:focus-visible {
  outline: 2px solid var(--color-accent); outline-offset: 2px; }
button[aria-checked=true] { background: var(--button-primary-background-fill);
  border-color: transparent; color: var(--button-primary-text-color); }
.stage { position: relative; line-height: 0; background: #11141b; border-radius: 8px;
  overflow: hidden; margin: 0 auto; }
.picture { width: 100%; height: auto; cursor: crosshair; touch-action: manipulation; }
.cursor { position: absolute; pointer-events: none; border: 2px solid #fff;
  outline: 2px solid #000; box-sizing: content-box; transform: translate(-2px, -2px); }
.scale { display: flex; align-items: center; gap: 8px; margin-top: 6px; font-size: .8rem;
  color: var(--body-text-color-subdued); }
.scale.off { visibility: hidden; }
.scale canvas { flex: 1; min-width: 0; height: 10px; border-radius: 3px; }
.scrub { display: flex; align-items: center; gap: 10px; margin-top: 10px; }
.scrub input { flex: 1; min-width: 0; height: 28px; accent-color: var(--color-accent); }
.kname { min-width: 5.2em; text-align: right; font-variant-numeric: tabular-nums; }
.cut, .note, .said { margin: .5rem 0; line-height: 1.45; font-variant-numeric: tabular-nums; }
.cut { min-height: 1.45em; }
.note, .said { color: var(--body-text-color-subdued); font-size: .85rem; }
.note:empty { display: none; }
.saves { display: flex; gap: 6px; }
.saves button { min-height: 40px; }
.save { flex: 1; }
.which { margin: 0 0 .5rem; font-size: 1.05rem; font-weight: 600; color: inherit; }
.tiles { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 8px; margin: 0; }
.tiles > div { display: flex; flex-direction: column-reverse; justify-content: flex-end;
  padding: .5rem .6rem; background: var(--block-background-fill); border-radius: 8px;
  border: 1px solid var(--border-color-primary); min-width: 0; }
.tiles dd { margin: 0; font-size: 1.1rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles dt { font-size: .78rem; color: var(--body-text-color-subdued); line-height: 1.3; }
.loupes { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px;
  margin-top: 10px; max-width: 460px; }
.loupes.one { grid-template-columns: minmax(0, 1fr); max-width: 226px; }
figure { margin: 0; min-width: 0; }
.loupe { width: 100%; height: auto; border-radius: 8px; cursor: crosshair; display: block;
  image-rendering: pixelated; }
figcaption { font-size: .8rem; color: var(--body-text-color-subdued); margin-top: 3px; }
.steps { min-height: 84px; align-content: start; display: grid; gap: 6px;
  grid-template-columns: repeat(auto-fill, minmax(54px, 1fr)); }
.steps button { padding: 3px; display: flex; flex-direction: column; align-items: center;
  font-size: .72rem; line-height: 1.25; font-variant-numeric: tabular-nums; gap: 2px; }
.steps button[aria-current=true] { border-color: var(--color-accent);
  box-shadow: 0 0 0 1px var(--color-accent); }
.steps canvas { width: 100%; height: auto; aspect-ratio: 1; border-radius: 4px;
  image-rendering: pixelated; }
.steps span { color: var(--body-text-color-subdued); }
@media (max-width: 700px) {
  .body { grid-template-columns: minmax(0, 1fr); }
  .tiles { gap: 6px; }
  .tiles > div { padding: .4rem .45rem; }
}
"""
