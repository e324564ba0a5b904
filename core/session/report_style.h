// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

namespace gradus {

/// The report's style sheet. The hues are those of the workbench (after Okabe and Ito), told apart
/// by people with any common colour blindness. Free of the characters that XML escapes, so that the
/// page reads the same as HTML and as XML.
inline constexpr std::string_view reportStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #f2f4f6; --sheet: #ffffff; --soft: #f6f8fa; --line: #dde2e8; --grid: #e4e8ec;
  --text: #1b2129; --muted: #5d6773; --link: #1763a6; --band: #f3f5f8;
  --original: #a8b1bc; --dequantized: #0068a8; --bar: #3f87bd; --level: #9a6700; --clip: #b8410d;
  --good: #00805f; --fair: #a86f00; --poor: #c9410f; --ring: #5d6773;
  --b2: #e6f0f9; --b3: #cfe2f3; --b4: #a9cde9; --b5: #78b0da; --b6: #3f87bd; --b7: #1763a6; --b8: #0b4678;
  --low-text: #12202d; --high-text: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181b; --sheet: #1e2226; --soft: #24282d; --line: #373e46; --grid: #30363d;
    --text: #e4e7eb; --muted: #9aa3ae; --link: #6cb6ff; --band: #23282d;
    --original: #6b7581; --dequantized: #5cb8f2; --bar: #3b8cc4; --level: #e9b44c; --clip: #ff8a5c;
    --good: #35c9a0; --fair: #f2b83a; --poor: #ff7d57; --ring: #b6bec8;
    --b2: #1b2e40; --b3: #1f3d58; --b4: #245071; --b5: #2c6d9b; --b6: #4c9bd0; --b7: #83c3ee; --b8: #bfe2fa;
    --low-text: #f2f6fa; --high-text: #0c1620;
  }
}
* { box-sizing: border-box; }
html { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; }
body { margin: 0; background: var(--page); color: var(--text); font-variant-numeric: tabular-nums; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 24px 48px; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 0 0 12px; }
h3 { font-size: 1rem; margin: 24px 0 8px; }
h3:first-child { margin-top: 0; }
p { margin: 0 0 12px; max-width: 80ch; }
a { color: var(--link); }
.lead { color: var(--muted); max-width: none; margin-bottom: 16px; overflow-wrap: anywhere; }
.headline { font-size: 1.1rem; margin: 0 0 16px; }
.quiet { color: var(--muted); }
nav { margin-bottom: 20px; }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 20px; list-style: none; margin: 0; padding: 0; }
section { background: var(--sheet); border: 1px solid var(--line); border-radius: 8px; padding: 20px 24px; margin-bottom: 20px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(168px, 1fr)); gap: 12px; margin: 0 0 16px; }
.cards div { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; }
.cards dt { color: var(--muted); font-size: 0.85rem; }
.cards dd { margin: 0; font-size: 1.35rem; font-weight: 600; line-height: 1.3; overflow-wrap: anywhere; }
.cards .sub { font-size: 0.85rem; font-weight: 400; color: var(--muted); display: block; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 0 0 12px; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.hash { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 0.85rem; }
.name { unicode-bidi: isolate; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 0.85rem; }
caption { text-align: left; color: var(--muted); padding-bottom: 8px; }
th, td { padding: 5px 8px; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { border-bottom: 2px solid var(--line); vertical-align: bottom; font-weight: 600; }
tbody th { font-weight: 400; min-width: 170px; }
tbody tr:nth-child(even) { background: var(--soft); }
.n { text-align: right; white-space: nowrap; }
.c { white-space: nowrap; }
.note { display: block; color: var(--muted); font-size: 0.9em; overflow-wrap: anywhere; }
.ratings { max-width: none; }
.compact { width: auto; min-width: 50%; }
.good { color: var(--good); } .fair { color: var(--fair); } .poor { color: var(--poor); }
.symbol { display: inline-block; width: 1.2em; text-align: center; }
figure { margin: 0 0 24px; }
figure:last-child { margin-bottom: 0; }
figcaption { color: var(--muted); font-size: 0.85rem; margin-top: 4px; max-width: 100ch; }
.key { display: inline-block; white-space: nowrap; margin-right: 16px; }
.key svg { width: 14px; height: 14px; vertical-align: -2px; margin-right: 5px; overflow: visible; }
svg { display: block; font: 11px system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; fill: var(--text); }
svg.wide { width: 100%; min-width: 680px; height: auto; }
svg.natural { height: auto; }
.key svg { display: inline-block; }
svg .tick { fill: var(--muted); } svg .axis { fill: var(--muted); }
svg .grid { stroke: var(--grid); fill: none; } svg .zero { stroke: var(--muted); fill: none; }
svg .band { fill: var(--band); }
svg .limit { stroke: var(--muted); stroke-dasharray: 5 4; fill: none; }
svg .limit-text { fill: var(--muted); }
svg .halo { paint-order: stroke; stroke: var(--sheet); stroke-width: 4px; stroke-linejoin: round; }
svg .name { fill: var(--text); }
svg .mark { stroke: var(--sheet); stroke-width: 0.6; }
svg .mark.good { fill: var(--good); } svg .mark.fair { fill: var(--fair); } svg .mark.poor { fill: var(--poor); }
svg .mark.unrated { fill: var(--muted); }
svg .ring { fill: var(--sheet); stroke: var(--ring); stroke-width: 1.5; }
svg .link { stroke: var(--ring); stroke-width: 1; fill: none; opacity: 0.7; }
svg .bar { fill: var(--bar); } svg .float { fill: var(--original); }
svg .background { fill: none; stroke: var(--original); stroke-width: 1; }
svg .cut { stroke: var(--sheet); stroke-width: 4; fill: none; }
svg .tip { fill: transparent; } svg .tip:hover { fill: var(--muted); fill-opacity: 0.14; }
svg .original { fill: var(--original); fill-opacity: 0.55; }
svg .dequantized { fill: none; stroke: var(--dequantized); stroke-width: 1.6; stroke-linejoin: round; }
svg .clip { stroke: var(--clip); stroke-width: 1.4; stroke-dasharray: 6 4; fill: none; }
svg .clip-text { fill: var(--clip); }
svg .level { stroke: var(--level); stroke-width: 1.4; fill: none; }
svg .bf { fill: var(--sheet); stroke: var(--original); stroke-dasharray: 3 2; }
svg .b2 { fill: var(--b2); } svg .b3 { fill: var(--b3); } svg .b4 { fill: var(--b4); } svg .b5 { fill: var(--b5); }
svg .b6 { fill: var(--b6); } svg .b7 { fill: var(--b7); } svg .b8 { fill: var(--b8); }
svg .cell-text { font-size: 12px; pointer-events: none; } svg .cell-mark { pointer-events: none; }
svg .b2t, svg .b3t, svg .b4t, svg .b5t { fill: var(--low-text); }
svg .b6t, svg .b7t, svg .b8t { fill: var(--high-text); }
svg .bft { fill: var(--muted); }
details { border-top: 1px solid var(--line); padding: 8px 0; }
details:last-child { border-bottom: 1px solid var(--line); }
summary { cursor: pointer; overflow-wrap: anywhere; }
summary .quiet { font-size: 0.85rem; margin-left: 8px; }
details > :not(summary) { margin-top: 12px; }
details figure { margin-bottom: 12px; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: 12px; overflow-x: auto; font-size: 0.85rem; font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
footer { color: var(--muted); font-size: 0.85rem; }
@media (max-width: 700px) {
  main { padding: 16px 12px; }
  section { padding: 16px 14px; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: 8px; }
}
@media print {
  :root {
    --page: #ffffff; --sheet: #ffffff; --soft: #f6f8fa; --line: #c9cfd6; --grid: #e4e8ec;
    --text: #000000; --muted: #444c55; --link: #000000; --band: #f3f5f8;
    --original: #a8b1bc; --dequantized: #0068a8; --bar: #3f87bd; --level: #9a6700; --clip: #b8410d;
    --good: #00805f; --fair: #a86f00; --poor: #c9410f; --ring: #444c55;
    --b2: #e6f0f9; --b3: #cfe2f3; --b4: #a9cde9; --b5: #78b0da; --b6: #3f87bd; --b7: #1763a6; --b8: #0b4678;
    --low-text: #12202d; --high-text: #ffffff;
  }
  html { font-size: 10pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  section { border: 0; padding: 0; margin-bottom: 16pt; }
  nav { display: none; }
  .scroll { overflow: visible; }
  svg.wide { min-width: 0; }
  svg.natural { max-width: 100%; }
  thead { display: table-header-group; }
  tr, figure, .cards div { break-inside: avoid; }
  h2, h3, summary { break-after: avoid; }
  table { font-size: 7.5pt; }
  th, td { padding: 2pt 3pt; }
  tbody th { min-width: 0; }
}
)css";

} // namespace gradus
