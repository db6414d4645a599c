"""The viewer's markup: what stands above and below the numbers."""

BEFORE = """
<div class="viewer" data-phase="empty">
  <div class="view-bar">
    <label class="view-side"><b aria-hidden="true">A</b>
      <select class="pick" data-side="0" aria-label="Picture on the left"></select></label>
    <button type="button" class="quiet-button" data-do="swap" aria-label="Swap left and right"
      title="Swap left and right">&#8644;</button>
    <label class="view-side right"><b aria-hidden="true">B</b>
      <select class="pick" data-side="1" aria-label="Picture on the right"></select></label>
  </div>
  <div class="view-stage">
    <div class="view-frame main" tabindex="-1">
      <div class="layer" data-side="0"><img alt="" draggable="false"></div>
      <div class="layer" data-side="1"><img alt="" draggable="false"></div>
      <div class="divider" role="slider" tabindex="0" aria-valuemin="0" aria-valuemax="100"
        aria-label="Divider between the two pictures"><span></span></div>
      <span class="view-tag left"></span><span class="view-tag right"></span>
      <i class="cross"></i>
      <p class="view-note" role="status" aria-live="polite"></p>
      <div class="view-progress"><i></i></div>
    </div>
  </div>
  <div class="view-bar low">
    <button type="button" class="quiet-button" data-do="jpeg" aria-pressed="false" hidden
      >JPEG at the same bytes</button>
    <div class="view-zoom" role="group" aria-label="Zoom">
      <button type="button" data-do="out" aria-label="Zoom out">&minus;</button>
      <button type="button" data-do="full" aria-label="Zoom: show at 100%"
        title="Show at 100%">100%</button>
      <button type="button" data-do="in" aria-label="Zoom in">+</button>
      <button type="button" data-do="fit">Fit</button>
    </div>
    <div class="view-zoom" role="group" aria-label="Show">
      <button type="button" data-do="a" aria-pressed="false" aria-label="Left picture only"
        title="Left picture only">A</button>
      <button type="button" data-do="split" aria-pressed="true">Both</button>
      <button type="button" data-do="b" aria-pressed="false" aria-label="Right picture only"
        title="Right picture only">B</button>
    </div>
    <details class="view-keys"><summary>Keys</summary>
      <p><kbd>&larr;</kbd> <kbd>&rarr;</kbd> divider, with <kbd>Shift</kbd> in large steps
      &middot; <kbd>A</kbd> <kbd>B</kbd> one picture, <kbd>S</kbd> both
      &middot; <kbd>+</kbd> <kbd>&minus;</kbd> zoom, <kbd>1</kbd> 100%, <kbd>0</kbd> fit
      &middot; <kbd>Alt</kbd> with arrows pans
      &middot; with a mouse: <kbd>Ctrl</kbd> and wheel, or a double click
      &middot; on a phone: pinch, or a double tap</p></details>
  </div>
</div>
"""
AFTER = """
<div class="view-minis">
  <figure>
    <figcaption class="mini-title"><b>Importance</b> <span data-of="heat"></span></figcaption>
    <div class="view-frame mini" data-view="heat">
      <img class="grey" alt="" draggable="false"><img class="heat" draggable="false"
        alt="Importance drawn over the picture"><i class="cross"></i></div>
    <div class="scale heat-scale"><i></i><span>low</span><span class="hover" data-of="importance">
      </span><span>high</span></div>
    <p class="quiet">The outlined part is the important region: at least half of the highest
      importance.</p>
  </figure>
  <figure>
    <figcaption class="mini-title"><b>Levels</b> <span data-of="levels"></span></figcaption>
    <div class="view-frame mini" data-view="levels">
      <div class="blocks"><img class="grid" draggable="false"
        alt="Level of every block of 8 by 8 pixels"></div><i class="cross"></i></div>
    <div class="scale level-scale"><i><b></b></i><span>0</span><span class="hover"
      data-of="level"></span><span>24</span></div>
    <p class="quiet">How often each block of 8 × 8 pixels was refined. Brighter blocks get more
      bytes.</p>
  </figure>
</div>
"""
