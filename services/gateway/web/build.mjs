// node build.mjs FOLDER: bundles styles, scripts, type and icons into the folder under hashed names and writes its manifest.json: logical
// name → file name.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import icons from "./icons.json" with { type: "json" };

const here = dirname(fileURLToPath(import.meta.url));
if (!process.argv[2]) throw new Error("build.mjs needs the folder to write to");
const out = resolve(process.argv[2]);
const staging = `${out}.${process.pid}`;
rmSync(staging, { recursive: true, force: true });
mkdirSync(staging, { recursive: true });

const hashed = (name, bytes) => {
  const dot = name.lastIndexOf(".");
  return `${name.slice(0, dot)}-${createHash("sha256").update(bytes).digest("hex").slice(0, 10)}${name.slice(dot)}`;
};

const manifest = {};
const write = (logical, bytes) => {
  const file = hashed(logical, bytes);
  writeFileSync(join(staging, file), bytes);
  manifest[logical] = file;
  return file;
};

/** One sprite with a <symbol> for each icon that the templates name. */
function sprite() {
  const symbols = icons.map((name) => {
    const svg = readFileSync(join(here, "node_modules/lucide-static/icons", `${name}.svg`), "utf8");
    const body = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>")).replace(/\s*\n\s*/g, "");
    return `<symbol id="${name}" viewBox="0 0 24 24">${body}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
}

// The worker comes first: the page's script names its file.
const common = { bundle: true, minify: true, target: ["chrome120", "firefox121", "safari17.4"], logLevel: "warning", absWorkingDir: here, legalComments: "none" };
const worker = await build({ ...common, entryPoints: ["js/pow-worker.js"], write: false, format: "iife" });
const workerFile = write("pow-worker.js", worker.outputFiles[0].contents);

for (const entry of ["portal", "desk"]) {
  const script = await build({ ...common, entryPoints: [`js/${entry}.js`], write: false, format: "iife", define: { POW_WORKER: JSON.stringify(`/assets/${workerFile}`) } });
  write(`${entry}.js`, script.outputFiles[0].contents);
}

const styles = await build({
  ...common,
  entryPoints: { portal: "css/portal.css", desk: "css/desk-entry.css" },
  outdir: staging,
  write: false,
  loader: { ".woff2": "file" },
  assetNames: "[name]-[hash]",
  publicPath: "/assets",
});
for (const file of styles.outputFiles) {
  const name = basename(file.path);
  if (name.endsWith(".css")) {
    write(name, file.contents);
  } else {
    writeFileSync(join(staging, name), file.contents);
    manifest[name.replace(/-[A-Z0-9]{8}(\.\w+)$/, "$1")] = name;
  }
}

write("icons.svg", sprite());
for (const name of readdirSync(join(here, "static"))) write(name, readFileSync(join(here, "static", name)));
writeFileSync(join(staging, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);

rmSync(out, { recursive: true, force: true });
renameSync(staging, out);
