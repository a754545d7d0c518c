import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./App";
import { aboveKeyboard } from "./keyboard";
import { Page } from "./Part";
import { store } from "./store";
import "./styles.css";
import { applyTheme } from "./theme";

applyTheme();
aboveKeyboard();
void store.open().then(() => store.models.look());
createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <Page><App /></Page>
  </StrictMode>,
);
