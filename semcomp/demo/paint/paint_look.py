"""The painting canvas in the browser: its HTML and style sheet."""

TEMPLATE = """
<div class="paint">
  <p class="empty">A moment: the picture of the first tab is fetched.</p>
  <div class="body" hidden>
    <div class="tools" role="toolbar" aria-label="Painting">
      <button type="button" class="tool" data-tool="more" aria-pressed="true">Matters</button>
      <button type="button" class="tool" data-tool="less" aria-pressed="false">Doesn't</button>
      <label class="size">Brush <input class="brush" type="range" min="1" max="24" value="6"
        aria-label="Brush size in blocks"></label>
      <button type="button" class="undo" disabled>Undo</button>
    </div>
    <div class="stage">
      <canvas class="picture" tabindex="0" role="application" aria-label="Picture to paint on.
        Arrow keys move the brush, Space paints, E changes between matters and does not,
        plus and minus change the size, Z undoes."></canvas>
      <div class="cursor" aria-hidden="true"></div>
    </div>
    <div class="fills">
      <button type="button" data-fill="start">The classifier's map</button>
      <button type="button" data-fill="none">Nothing matters</button>
      <button type="button" data-fill="all">All the same</button>
      <button type="button" data-fill="invert">Invert</button>
    </div>
    <details><summary>Without a brush: a rectangle by numbers</summary>
      <div class="box">
        <label>Left % <input type="number" name="left" min="0" max="100" value="25"></label>
        <label>Top % <input type="number" name="top" min="0" max="100" value="25"></label>
        <label>Right % <input type="number" name="right" min="0" max="100" value="75"></label>
        <label>Bottom % <input type="number" name="bottom" min="0" max="100" value="75"></label>
        <button type="button" data-box="255">Matters</button>
        <button type="button" data-box="0">Doesn't</button>
      </div>
    </details>
    <p class="said" role="status"></p>
  </div>
</div>
"""

CSS = """
.paint { color: var(--body-text-color); font-size: .9rem; }
.empty { color: var(--body-text-color-subdued); padding: 2.5rem 1rem; text-align: center;
  border: 1px dashed var(--border-color-primary); border-radius: 8px; margin: 0; }
[hidden] { display: none !important; }
.tools, .fills { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
.tools { margin-bottom: 8px; }
.fills { margin-top: 8px; }
button { font: inherit; color: inherit; background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); border-radius: 8px; padding: .35rem .7rem;
  cursor: pointer; min-height: 38px; }
button:hover:not(:disabled) { border-color: var(--color-accent); }
button:disabled { opacity: .5; cursor: default; }
button:focus-visible, canvas:focus-visible, input:focus-visible, summary:focus-visible {
  outline: 2px solid var(--color-accent); outline-offset: 2px; }
button[aria-pressed=true] { background: var(--button-primary-background-fill);
  border-color: transparent; color: var(--button-primary-text-color); }
.size { display: flex; align-items: center; gap: 8px; flex: 1 1 90px; min-width: 0;
  font-size: inherit; margin: 0; color: inherit; }
.brush { flex: 1; min-width: 0; height: 28px; accent-color: var(--color-accent); }
.stage { position: relative; line-height: 0; background: #11141b; border-radius: 8px;
  overflow: hidden; margin: 0 auto; }
.picture { width: 100%; height: auto; cursor: none; touch-action: none; }
.cursor { position: absolute; pointer-events: none; border: 2px solid #fff; border-radius: 50%;
  box-shadow: 0 0 0 1px #000, inset 0 0 0 1px #000; transform: translate(-50%, -50%); }
.cursor.less { border-style: dashed; }
details { margin-top: 10px; }
summary { cursor: pointer; color: var(--body-text-color-subdued); padding: .3rem 0; }
.box { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px;
  margin-top: 6px; max-width: 420px; }
.box label { display: flex; align-items: center; justify-content: space-between; gap: 8px;
  font-size: .85rem; margin: 0; color: inherit; }
.box input { width: 5em; min-width: 0; font: inherit; color: inherit; padding: .3rem .4rem;
  border-radius: 6px; border: 1px solid var(--border-color-primary);
  background: var(--input-background-fill); }
.said { margin: .6rem 0 0; font-size: .85rem; color: var(--body-text-color-subdued);
  min-height: 1.4em; line-height: 1.4; }
"""
