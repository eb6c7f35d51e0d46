/** How the page looks: light and dark, wide and narrow, on paper. Text has a contrast of 4.5 or more in both themes. */
import { verbatim } from './html.mjs';

/** Ours first; then peers by their place. Distinct in both themes, and for the usual kinds of colour blindness told apart by order and labels too. */
const OURS = ['light-dark(#0a7178, #4fd0d6)', 'light-dark(#6b4fd0, #b39cff)', 'light-dark(#8b2fb3, #d79bf5)'];
const PEERS = [
  'light-dark(#2f8a3c, #6fd07f)', 'light-dark(#2866c4, #79aefc)', 'light-dark(#b55a08, #f5a353)', 'light-dark(#a8266f, #f58cc2)', 'light-dark(#7a6a00, #d9c75a)',
  'light-dark(#4f5d75, #a9b8d1)', 'light-dark(#8f3d2f, #e89a8c)', 'light-dark(#00759e, #62c3ea)', 'light-dark(#5c7a1c, #b5d468)',
];

/** One colour per contender, as --c; a contender that is brought out fades the others. @param {any[]} contenders */
export function colours(contenders) {
  let [ours, peers] = [0, 0];
  const rules = contenders.map(({ kind }, i) => {
    const colour = kind === 'self' ? OURS[ours++ % OURS.length] : PEERS[peers++ % PEERS.length];
    return `.c${i}{--c:${colour}}:root:has(#lift-${i}:checked) main .c:not(.c${i}){opacity:.16}`;
  });
  return verbatim(`${rules.join('\n')}.c${contenders.length}{--c:var(--muted)}`);
}

export const style = verbatim(`
:root{color-scheme:light dark;--ground:light-dark(#f2f4f7,#0e1318);--card:light-dark(#fff,#161d26);--raised:light-dark(#edf0f4,#212b37);--text:light-dark(#17202b,#e4eaf1);
--muted:light-dark(#566375,#9eacbd);--edge:light-dark(#d8dee6,#2a3543);--grid:light-dark(#e4e8ee,#273341);--met:light-dark(#1a7035,#57d37b);--lost:light-dark(#b91c2b,#ff8a8a);--undecided:light-dark(#855000,#f0b44c);
--met-ground:light-dark(#e5f5ea,#12301d);--lost-ground:light-dark(#fdeaea,#3a1a1f);--undecided-ground:light-dark(#fff3da,#33270d);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;background:var(--ground);color:var(--text);scroll-padding-top:4rem}
:root:has(#theme-light:checked){color-scheme:light}:root:has(#theme-dark:checked){color-scheme:dark}
*,*::before,*::after{box-sizing:border-box}
body{margin:0;font-variant-numeric:tabular-nums}
h1,h2,h3,p,ul,dl,dd,figure{margin:0;padding:0}ul{list-style:none}
a{color:inherit;text-decoration-color:var(--muted);text-underline-offset:.2em}a:hover{text-decoration-thickness:2px}
small{font-size:.8rem;color:var(--muted)}.muted{color:var(--muted)}
code{font-family:ui-monospace,"Cascadia Mono","DejaVu Sans Mono",Menlo,monospace;font-size:.9em;overflow-wrap:anywhere}
:focus-visible{outline:2px solid var(--c,var(--text));outline-offset:2px}
header,main,nav,.controls{max-width:1320px;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.2rem}
.kicker{text-transform:uppercase;letter-spacing:.09em;font-size:.78rem;font-weight:650;color:var(--c,var(--muted));overflow-wrap:anywhere}
h1{font-size:clamp(1.5rem,1rem + 2.2vw,2.5rem);line-height:1.15;letter-spacing:-.015em;margin:.25rem 0 .5rem;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.25rem;letter-spacing:-.01em;overflow-wrap:anywhere}h3{font-size:1rem;margin:1.2rem 0 .4rem}
.when{color:var(--muted);overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(3,1fr);gap:.8rem;margin-top:1.3rem}
.tile{display:flex;align-items:baseline;gap:.7rem;padding:.7rem 1.1rem;border-radius:12px;font-weight:600;color:var(--v);background:var(--vg)}
.tile .number{font-size:2.8rem;line-height:1;font-weight:700;letter-spacing:-.03em}
.met{--v:var(--met);--vg:var(--met-ground)}.lost{--v:var(--lost);--vg:var(--lost-ground)}.undecided{--v:var(--undecided);--vg:var(--undecided-ground)}
nav{display:flex;flex-wrap:wrap;gap:.15rem .9rem;margin-top:1.1rem;font-size:.9rem}
.controls{position:sticky;top:0;z-index:3;display:flex;gap:.4rem 1.5rem;align-items:center;justify-content:space-between;margin-top:.9rem;padding-top:.45rem;padding-bottom:.45rem;background:var(--ground);border-bottom:1px solid var(--edge);overflow-x:auto;scrollbar-width:thin}
fieldset{display:flex;gap:.1rem;align-items:center;border:0;margin:0;padding:0;font-size:.85rem;flex:none}
legend{float:left;padding:0 .5rem 0 0;color:var(--muted)}
fieldset label{display:flex;align-items:center;padding:.22rem .6rem;border-radius:1rem;cursor:pointer;white-space:nowrap}fieldset label span{max-width:16rem;overflow:hidden;text-overflow:ellipsis}
fieldset label:hover{background:var(--raised)}fieldset label:has(:checked){background:var(--raised);font-weight:650}fieldset label:has(:focus-visible){outline:2px solid var(--c,var(--text))}
fieldset input{position:absolute;opacity:0;width:0;height:0}
main{display:grid;grid-template-columns:minmax(0,1fr);gap:1.1rem;padding-top:1.1rem;padding-bottom:4rem}
.card{background:var(--card);border:1px solid var(--edge);border-radius:14px;padding:1.2rem 1.3rem 1.3rem;min-width:0}
.lead{color:var(--muted);max-width:78ch;margin:.2rem 0 .9rem;overflow-wrap:anywhere}
.swatch::before{content:"\\25A0";color:var(--c);margin-right:.35em}.top{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.3rem 1rem}
.c{transition:opacity .12s}

.badge{display:inline-block;min-width:7.3rem;padding:.05rem .6rem;border-radius:1rem;font-size:.85rem;font-weight:650;text-align:center;white-space:nowrap;color:var(--v);background:var(--vg)}
.goal-row{display:grid;grid-template-columns:7.3rem minmax(0,1fr) minmax(12rem,26rem) 10.5rem;gap:.2rem 1rem;align-items:center;padding:.5rem 0;border-top:1px solid var(--grid)}
.goal-row.axis{padding:0;border:0}.goal-row.axis+.goal-row{border:0}
.goal-text a{font-weight:650}.goal-text small{display:block;overflow-wrap:anywhere}.goal-text{overflow-wrap:anywhere}.goal-figure{min-width:0;overflow-wrap:anywhere}.goal-figure small{display:block}
.why{color:var(--undecided)!important}
svg{display:block;width:100%;overflow:visible}
svg text{font-size:11px;fill:var(--muted)}
.grid{stroke:var(--grid)}.goal{stroke:var(--text);stroke-width:1.5}.parity{stroke:var(--muted);stroke-width:2}
.goals circle{fill:var(--v);stroke:var(--card);stroke-width:1.5}.bar{stroke:var(--v);stroke-width:5;stroke-linecap:round;opacity:.55}.goals .beyond{fill:var(--v);font-size:15px}

.scroll{overflow-x:auto;scrollbar-width:thin}
table{border-collapse:collapse;font-size:.9rem;width:100%}
th,td{padding:.32rem .7rem;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap;font-weight:400}
thead th{color:var(--muted);white-space:normal;max-width:9rem;overflow-wrap:break-word;font-size:.82rem;vertical-align:bottom;border-bottom-color:var(--edge)}
tbody tr:last-child>*{border-bottom:0}
th[scope=row],.text{text-align:left}td.text{white-space:normal;min-width:14rem;overflow-wrap:anywhere}
th:first-child{position:sticky;left:0;background:var(--card);text-align:left;z-index:1;max-width:17rem;overflow:hidden;text-overflow:ellipsis}
td small{display:block}th small{display:block;font-weight:400}
.overview tbody th,.memory tbody th,.missing th{white-space:normal;min-width:10rem}.ours,.sum{font-weight:650}
.ahead i,span.ahead{color:var(--met)}.behind i,span.behind{color:var(--lost)}.even i,span.even{color:var(--undecided)}i{font-style:normal}
.level{display:inline-block;min-width:5.5rem;padding:0 .3rem;border-radius:3px;background:linear-gradient(to right,color-mix(in srgb,var(--muted) 32%,transparent) calc(100% * var(--part)),var(--raised) 0)}
.rounds{width:auto;margin:.6rem 0 1rem}.rounds caption{text-align:left;font-weight:650;padding:.2rem 0}
.versions td,.versions thead th{text-align:left}

.verdicts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,34rem),1fr));gap:.35rem 1.4rem;margin-bottom:.7rem}.verdicts li{display:flex;gap:.6rem;align-items:baseline;overflow-wrap:anywhere}.verdicts .badge{flex:none}
.left-out{margin-bottom:.8rem;font-size:.9rem}.left-out li{padding-left:.8rem;border-left:3px solid var(--undecided);margin:.25rem 0;overflow-wrap:anywhere}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,34rem),1fr));gap:1.6rem 2.4rem;margin-top:.6rem}
.figures>*{min-width:0}.wide{grid-column:1/-1}
figcaption{display:flex;flex-wrap:wrap;align-items:baseline;gap:.1rem .5rem;margin-bottom:.45rem}
figcaption .unit,figcaption .better,figcaption .note{font-size:.82rem;color:var(--muted)}figcaption .better{margin-left:auto}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .3em 0 .5em;background:var(--muted)}.key.user{opacity:.75}.key.system{opacity:.3}
.row{display:grid;grid-template-columns:8.5rem minmax(0,1fr) 9.6rem;gap:0 .9rem;align-items:center;padding:.22rem 0;font-size:.88rem}
.row .name{text-align:right;line-height:1.2;overflow-wrap:anywhere}.row .value{line-height:1.2;font-weight:650}.row .value small{display:block;font-weight:400;white-space:nowrap}.cpu .row .value small:first-of-type{display:inline;margin-left:.5em}svg .cut{font-style:italic;fill:var(--text)}.row .value small b{color:var(--text);font-weight:600}
.row circle{fill:var(--c);opacity:.8}.median{stroke:var(--c);stroke-width:2.5}.interval{fill:var(--c);opacity:.18}
.user{fill:var(--c);opacity:.62}.system{fill:var(--c);opacity:.27}
.cpu .row circle{fill:var(--text);opacity:.55}.cpu .median{stroke:var(--text);stroke-width:2}.cpu .interval{fill:var(--text);opacity:.1}
.field{display:grid;grid-template-columns:3.4rem minmax(0,1fr) 8rem;gap:.2rem .5rem}.field .shares{grid-column:2}
.curves path{fill:none;stroke:var(--c);stroke-width:1.8;vector-effect:non-scaling-stroke;stroke-linejoin:round}.curves .few{stroke-dasharray:3 4;opacity:.8}
.curves circle{fill:var(--c)}.range{stroke:var(--c);stroke-width:1.5;opacity:.4}.ends line{stroke:var(--c);opacity:.6}.ends text{fill:var(--c);font-weight:600;font-size:11.5px}
.quantiles table{font-size:.82rem;margin-top:.4rem}.quantiles th,.quantiles td{padding:.18rem .5rem}
details{margin-top:1.2rem}summary{cursor:pointer;color:var(--muted);font-size:.9rem}
.halves{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:0 2.5rem}
.facts{font-size:.9rem}.facts div{display:grid;grid-template-columns:9rem minmax(0,1fr);gap:.8rem;padding:.16rem 0}.facts dt{color:var(--muted)}.facts dd{overflow-wrap:anywhere}
.reading li{margin:.5rem 0;max-width:75ch}.reading h2:not(:first-child){margin-top:1.2rem}.reading p{margin-top:1rem}

@media screen and (max-width:760px){
header,main,nav{padding-left:.8rem;padding-right:.8rem}.controls{padding-left:.8rem;padding-right:.8rem;justify-content:flex-start}
header{padding-top:1.2rem}.card{padding:.9rem .9rem 1rem;border-radius:11px}
.tiles{gap:.45rem}.tile{flex-direction:column;gap:.15rem;padding:.55rem .7rem;font-size:.85rem}.tile .number{font-size:2.1rem}
nav{flex-wrap:nowrap;overflow-x:auto;white-space:nowrap;scrollbar-width:none}
.goal-row{grid-template-columns:auto minmax(0,1fr);gap:.35rem .8rem;padding:.7rem 0}.goal-row svg{grid-column:1/-1}.goal-text{grid-column:1/-1;grid-row:2}.goal-figure{grid-row:1;grid-column:2;text-align:right}
.goal-row.axis span{display:none}
.row{grid-template-columns:minmax(0,1fr) fit-content(70%);gap:.1rem .6rem;padding:.35rem 0}.row .name{text-align:left;font-weight:600}.row svg{grid-column:1/-1;grid-row:2}.row .value{text-align:right}.row .value small{display:inline;margin-left:.5em}.row.axis{padding:0}.row.axis span{display:none}
.field{grid-template-columns:3rem minmax(0,1fr)}.ends{display:none}
.versions thead{display:none}.versions tr,.missing tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--grid)}.versions :is(th,td),.missing :is(th,td){display:block;border:0;padding:.05rem 0;text-align:left;white-space:normal;max-width:none;min-width:0}
th:first-child{max-width:9.5rem;white-space:normal}.versions th:first-child,.missing th:first-child{max-width:none;font-weight:600}.overview tbody th,.memory tbody th{min-width:8rem}
.facts div{grid-template-columns:7rem minmax(0,1fr)}
}
@media print{
:root{color-scheme:light!important;font-size:11px;background:#fff}.controls,nav{display:none}main{padding:.5rem 0;gap:.6rem}header{padding:0}.card{border:0;padding:.5rem 0;border-top:1px solid var(--edge);border-radius:0}
.scenario,.goals{break-before:auto}.plot,.goal-row,.row,tr,.tiles{break-inside:avoid}h2,.lead,.verdicts{break-after:avoid}*{print-color-adjust:exact}.figures{grid-template-columns:1fr 1fr;gap:1rem}.scroll{overflow:visible}th:first-child{position:static}
details::details-content{content-visibility:visible!important;display:block}
}
`);
