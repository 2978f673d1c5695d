#include "report/style.h"

namespace cloister::report {

std::string_view style_sheet() {
  return R"css(
:root{color-scheme:light dark;
--ground:#f4f6f8;--paper:#ffffff;--ink:#14212d;--soft:#4d5d6c;--line:#d5dde4;--accent:#0a6a72;
--soft-fill:#eef2f5;--good:#17693f;--good-fill:#e2f4ea;--warn:#7a4f00;--warn-fill:#fcefd2;
--bad:#a3211b;--bad-fill:#fde6e4;
--s1:#0b7285;--s2:#c2500c;--s3:#6d4bb5;--s4:#2f7d32;--s5:#a21a5b;
--s1-soft:#d8eef2;--s2-soft:#fbe6d8;--s3-soft:#e8e0f7}
@media screen and (prefers-color-scheme:dark){:root{
--ground:#0f151b;--paper:#171f28;--ink:#e4ebf2;--soft:#a3b3c2;--line:#33414e;--accent:#57c7cf;
--soft-fill:#212c37;--good:#6fdba4;--good-fill:#12301f;--warn:#f2c468;--warn-fill:#34280e;
--bad:#ff948b;--bad-fill:#3d1917;
--s1:#4fc0d0;--s2:#ff9a5a;--s3:#b79df2;--s4:#7fd284;--s5:#f27fb3;
--s1-soft:#153840;--s2-soft:#43291a;--s3-soft:#2e2647}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.skip{position:absolute;left:-999px}
.skip:focus{left:1rem;top:1rem;background:var(--paper);padding:.5rem 1rem}
header,main,footer{max-width:1120px;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.25rem}
.brand{font-size:.8rem;letter-spacing:.14em;text-transform:uppercase;color:var(--accent);
font-weight:700;margin:0}
h1{font-size:clamp(1.6rem,4vw,2.3rem);line-height:1.2;margin:.2rem 0 .35rem}
.sub{color:var(--soft);margin:0 0 1rem}
nav ul{display:flex;flex-wrap:wrap;gap:.4rem;list-style:none;margin:0 0 1.25rem;padding:0}
nav a{display:block;padding:.25rem .75rem;border:1px solid var(--line);border-radius:99px;
background:var(--paper);color:var(--ink);text-decoration:none;font-size:.88rem}
nav a:hover,nav a:focus{border-color:var(--accent);color:var(--accent)}
a{color:var(--accent)}
section{background:var(--paper);border:1px solid var(--line);border-radius:14px;
padding:1.25rem 1.5rem 1.4rem;margin:0 0 1.25rem}
h2{font-size:1.3rem;margin:0 0 .5rem}
h3{font-size:1.04rem;margin:1.5rem 0 .4rem}
p{margin:.4rem 0 .8rem;max-width:76ch}
ul.plain{margin:.3rem 0 .8rem;padding-left:1.2rem;max-width:80ch}
ul.plain li{margin:.25rem 0}
.short{border-left:5px solid var(--accent)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.8rem;
margin:.9rem 0 0;padding:0;list-style:none}
.cards li{background:var(--soft-fill);border-radius:10px;padding:.75rem .9rem}
.cards .name{display:block;font-size:.82rem;color:var(--soft)}
.cards .figure{display:block;font-size:1.55rem;font-weight:700;line-height:1.25;
font-variant-numeric:tabular-nums}
.cards .about{display:block;font-size:.82rem;color:var(--soft)}
.wide{overflow-x:auto;margin:.6rem 0 .9rem}
.wide:focus{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.93rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);font-size:.88rem;padding:0 0 .45rem}
th,td{padding:.42rem .7rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{border-bottom:2px solid var(--line);font-size:.84rem;color:var(--soft);vertical-align:bottom}
tbody th{font-weight:600}
.id{white-space:nowrap}
td.n,th.n{text-align:right}
td.n{white-space:nowrap}
tr.mean td,tr.mean th{background:var(--soft-fill);font-weight:600}
.note{font-size:.86rem;color:var(--soft);font-weight:400}
.badge{display:inline-block;white-space:nowrap;font-size:.82rem;font-weight:650;border-radius:6px;
padding:.05rem .5rem;background:var(--soft-fill)}
.badge.good{color:var(--good);background:var(--good-fill)}
.badge.warn{color:var(--warn);background:var(--warn-fill)}
.badge.bad{color:var(--bad);background:var(--bad-fill)}
.signed{border:1px solid var(--warn);background:var(--warn-fill);border-radius:10px;
padding:.7rem .95rem;margin:.6rem 0}
.signed p,.signed ul{margin:.15rem 0;max-width:none}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:1.1rem}
figure{margin:.8rem 0}
figure .art{overflow-x:auto}
figure .art svg{display:block;width:100%;height:auto;min-width:440px;color:var(--ink)}
figure.tall .art svg{min-width:640px}
figcaption{font-size:.88rem;color:var(--soft);margin-top:.25rem}
.swatch{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .1em 0 .5em;
print-color-adjust:exact}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:.9rem;margin:.7rem 0}
.pictures figure{margin:0}
.pictures img{display:block;width:100%;height:auto;border-radius:8px;background:#000;
image-rendering:auto}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace;font-size:.86em}
pre{background:var(--soft-fill);border-radius:10px;padding:.8rem 1rem;overflow-x:auto;margin:.5rem 0 .9rem}
.digest{color:var(--soft)}
details{margin:.6rem 0}
summary{cursor:pointer;font-weight:600;padding:.2rem 0}
dl.facts{display:grid;grid-template-columns:minmax(9rem,max-content) 1fr;gap:.25rem 1.1rem;margin:.5rem 0}
dl.facts dt{color:var(--soft)}
dl.facts dd{margin:0;overflow-wrap:anywhere}
.machine{border:1px dashed var(--warn);border-radius:10px;padding:.6rem .95rem;margin:.2rem 0 1.25rem;
background:var(--warn-fill)}
.machine p{margin:.1rem 0;max-width:none}
.alert{border:2px solid var(--bad);background:var(--bad-fill);border-radius:10px;
padding:.75rem 1rem;margin:.2rem 0 1.25rem}
.alert p,.alert ul{margin:.2rem 0;max-width:none}
.alert .lead{font-size:1.15rem;font-weight:700;color:var(--bad)}
footer{color:var(--soft);font-size:.86rem;padding-bottom:2.5rem}
@media (max-width:640px){header,main,footer{padding-left:.8rem;padding-right:.8rem}
section{padding:1rem .95rem;border-radius:10px}table{font-size:.86rem}th,td{padding:.38rem .3rem}
dl.facts{grid-template-columns:1fr;gap:0}dl.facts dd{margin-bottom:.45rem}
.cards{grid-template-columns:1fr 1fr}.cards .figure{font-size:1.25rem}
.stack thead{position:absolute;left:-999px}
.stack table,.stack caption,.stack tbody,.stack tr,.stack th,.stack td{display:block}
.stack tr{border-bottom:1px solid var(--line);padding:.45rem 0}
.stack th,.stack td{border:0;padding:.15rem .2rem}
.stack td[data-of]::before{content:attr(data-of) ": ";color:var(--soft);font-size:.86em}}
@media print{:root{color-scheme:light;--ground:#fff;--paper:#fff;--ink:#000;--soft:#333;--line:#bbb;--soft-fill:#f2f2f2;
--accent:#044a50;--good:#0d5a33;--warn:#6a4400;--bad:#8f1a15}
body{font-size:10.5pt}nav,.skip{display:none}section,section.short{border:0;padding:0;break-inside:auto}
header,main,footer{padding-left:0;padding-right:0}
table{font-size:8.5pt}th,td{padding:.25rem .35rem}
thead th,table .note,table .badge{font-size:7.5pt}.badge{white-space:normal;padding:0 .3rem}
h2,h3,figcaption{break-after:avoid}figure,tr,.signed,.alert,.cards li{break-inside:avoid}
.wide,figure .art,pre{overflow:visible}pre{white-space:pre-wrap;overflow-wrap:anywhere}
figure .art svg{min-width:0}a{color:inherit}}
)css";
}

}  // namespace cloister::report
