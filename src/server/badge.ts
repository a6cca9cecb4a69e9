/** What a badge shows: left the health, right the sync. */
export interface BadgeState {
  readonly health: string;
  readonly sync: string;
  /** Behind the sync; "": none. */
  readonly revision: string;
  /** Above both; "": none. */
  readonly name: string;
  /** In pixels; undefined: as wide as its texts. */
  readonly width?: number;
}

/** Spec argo-cd-surface 6.3. */
const colors: ReadonlyMap<string, string> = new Map([
  ["Healthy", "#0b612a"],
  ["Synced", "#0b612a"],
  ["Progressing", "#103d66"],
  ["Degraded", "#a72e26"],
  ["Missing", "#731f4d"],
  ["Unknown", "#731f4d"],
  ["Suspended", "#29343D"],
  ["OutOfSync", "#bd7300"],
]);
const height = 20;
const letterPx = 7;
const paddingPx = 16;

/** An SVG; what is not known is Unknown. */
export function badgeSvg({ health, sync, revision, name, width }: BadgeState): string {
  const left = known(health);
  const right = known(sync);
  const rightText = revision === "" ? right : `${right} (${revision})`;
  const leftPx = widthOf(left);
  const wanted = Math.max(width ?? 0, leftPx + widthOf(rightText), name === "" ? 0 : widthOf(name));
  const top = name === "" ? 0 : height;
  const part = (x: number, w: number, y: number, color: string, label: string): string =>
    `<rect x="${x}" y="${y}" width="${w}" height="${height}" fill="${color}"/>` +
    `<text x="${x + w / 2}" y="${y + 14}" fill="#fff" text-anchor="middle">${escaped(label)}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${wanted}" height="${height + top}" role="img" aria-label="${escaped(`${left}, ${rightText}`)}">`,
    '<g font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">',
    ...(name === "" ? [] : [part(0, wanted, 0, "#29343D", name)]),
    part(0, leftPx, top, colors.get(left) ?? "", left),
    part(leftPx, wanted - leftPx, top, colors.get(right) ?? "", rightText),
    "</g></svg>\n",
  ].join("");
}

function known(text: string): string {
  return colors.has(text) ? text : "Unknown";
}

function widthOf(text: string): number {
  return text.length * letterPx + paddingPx;
}

function escaped(text: string): string {
  const names: ReadonlyMap<string, string> = new Map([
    ["&", "&amp;"],
    ["<", "&lt;"],
    [">", "&gt;"],
    ['"', "&quot;"],
  ]);
  return text.replace(/[&<>"]/g, (letter) => names.get(letter) ?? "");
}
