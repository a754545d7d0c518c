import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./App";
import { Page } from "./Part";
import { store } from "./store";
import "./styles.css";
import { applyTheme } from "./theme";

applyTheme();
void store.open().then(() => store.models.look());
createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <Page><App /></Page>
  </StrictMode>,
);
