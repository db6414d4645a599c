"""How the pages for submitting and reviewing look."""

CSS = """
.sub { gap: var(--layout-gap); }
.sub h2 { font-size: 1.15rem; font-weight: 650; margin: .4rem 0 0; color: var(--body-text-color); }
.sub .kinds { display: grid; gap: 10px; margin: .2rem 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 250px), 1fr)); }
.sub .kinds > section { padding: .7rem .85rem; border-radius: 8px;
  border: 1px solid var(--border-color-primary); background: var(--block-background-fill); }
.sub .kinds h3 { font-size: .98rem; font-weight: 650; margin: 0 0 .25rem;
  color: var(--body-text-color); }
.sub .kinds p, .sub .says p { font-size: .87rem; line-height: 1.45; margin: .25rem 0 0;
  color: var(--body-text-color); overflow-wrap: anywhere; }
.sub .kinds code, .sub .says code { font-size: .82rem; overflow-wrap: anywhere; }
.sub .kinds .badge, .sub .says .badge, .sub .pick .badge { display: inline-block;
  font-size: .74rem; line-height: 1.3; padding: .1rem .45rem; border-radius: 99px;
  white-space: nowrap; color: var(--body-text-color);
  border: 1px solid var(--border-color-primary); }
.sub .badge.self-reported { background: color-mix(in srgb, #E69F00 22%, transparent);
  border-color: transparent; }
.sub .badge.recomputed, .sub .badge.re-decoded, .sub .badge.approved {
  border-color: var(--primary-600); }

.sub .says { padding: .65rem .85rem; border-radius: 8px; color: var(--body-text-color);
  border: 1px solid var(--border-color-primary); background: var(--block-background-fill); }
.sub .says.bad { border-color: color-mix(in srgb, #D55E00 60%, transparent);
  background: color-mix(in srgb, #D55E00 9%, var(--block-background-fill)); }
.sub .says.good { border-color: var(--primary-600);
  background: color-mix(in srgb, var(--primary-600) 8%, var(--block-background-fill)); }
.sub .says > b:first-child { font-size: .95rem; }
.sub .says dl { display: grid; grid-template-columns: minmax(86px, max-content) minmax(0, 1fr);
  gap: .2rem .9rem; margin: .5rem 0 0; font-size: .87rem; }
.sub .says dt { color: var(--body-text-color-subdued); }
.sub .says dd { margin: 0; overflow-wrap: anywhere; white-space: pre-line; }
.sub .says progress { width: 100%; max-width: 340px; height: 8px; display: block;
  margin: .45rem 0 0; accent-color: var(--primary-600); }

.sub table { width: 100%; border-collapse: collapse; font-size: .85rem; margin: .5rem 0 0;
  border: 0; color: var(--body-text-color); font-variant-numeric: tabular-nums; }
.sub table th { text-align: left; font-weight: 600; font-size: .78rem;
  color: var(--body-text-color-subdued); }
.sub table th, .sub table td { padding: .35rem .6rem .35rem 0; border: 0; vertical-align: top;
  border-bottom: 1px solid var(--border-color-primary); overflow-wrap: anywhere; }
.sub table.problems { table-layout: fixed; }
.sub table.problems th:nth-child(1), .sub table.problems th:nth-child(3) { width: 24%; }
.sub table.problems th:nth-child(2) { width: 12%; }
.sub table tr { background: none; border: 0; }
.sub #review-details h2 { margin-top: 1.1rem; }
.sub table.plain th, .sub table.plain td { white-space: nowrap; overflow-wrap: normal; }
.sub table.plain td[data-label=Reason] { white-space: normal; min-width: 180px;
  overflow-wrap: anywhere; }
.sub .scroll { max-height: 420px; overflow: auto; }
.sub details.plain summary { cursor: pointer; font-weight: 600; }
.sub dd a { padding: 0; }
.sub .files { gap: 8px; }
.sub .tight { gap: 8px; }
#review-files:has(.empty) { display: none; }
.sub-receipt textarea, .sub-receipt input { font-family: var(--font-mono); }

@media (max-width: 700px) {
  .sub table:is(.problems, .history) thead { position: absolute; width: 1px;
    height: 1px; overflow: hidden; clip-path: inset(50%); }
  .sub table:is(.problems, .history), .sub table:is(.problems, .history) tbody { display: block; }
  .sub table:is(.problems, .history) tr { display: block; padding: .4rem 0;
    border-bottom: 1px solid var(--border-color-primary); }
  .sub table:is(.problems, .history) td { display: block; border: 0; padding: .05rem 0; }
  .sub table:is(.problems, .history) td:not(:empty)::before { content: attr(data-label) ": ";
    color: var(--body-text-color-subdued); }
  .sub table:is(.problems, .history) td:empty { display: none; }
  .sub table.history td { white-space: normal; }
}
"""
