// Stories run twice: with scripts and without. Debian's Chromium, against the stack whose data folder PORTICO_STACK names.
import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const chromium = process.env.PORTICO_CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/Applications/Chromium.app/Contents/MacOS/Chromium"].find(existsSync);

export default defineConfig({
  testDir: "stories",
  outputDir: "results",
  timeout: 120_000,
  expect: { timeout: 15_000 },
  fullyParallel: false,
  workers: 2,
  retries: 0,
  reporter: [["list"]],
  use: {
    launchOptions: { executablePath: chromium, args: ["--no-sandbox"] },
    actionTimeout: 15_000,
    navigationTimeout: 20_000,
    screenshot: "only-on-failure",
  },
  projects: [
    { name: "scripts", use: { javaScriptEnabled: true } },
    { name: "no-scripts", use: { javaScriptEnabled: false }, testIgnore: /(pages|criteria|live)\.spec\.js/ },
  ],
});
