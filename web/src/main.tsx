/** The dashboard of one node: what it sees of its cluster, live. Talks HTTP to that node, and to nobody else. */
import { render } from "preact";
import { App } from "./app.tsx";
import { watchNode } from "./state/live.ts";
import { applyTheme } from "./state/theme.ts";
import "./styles/base.css";
import "./styles/cluster.css";
import "./styles/charts.css";
import "./styles/keys.css";

applyTheme();
watchNode();
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
