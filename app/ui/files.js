// Files that a person chose or dropped, with their names relative to the folder that was.

/** @typedef {{name: string, file: File}} Found */

/**
 * The files of an input, which may then have the same ones chosen again.
 * @param {HTMLInputElement} input
 * @returns {Found[]}
 */
export function chosenFiles(input) {
  const found = [...(input.files ?? [])].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
  input.value = "";
  return found;
}

/**
 * All dropped files, and those below dropped folders; a little more than `most` of them at the most.
 * @param {DataTransfer} dropped
 * @param {number} most
 */
export async function droppedFiles(dropped, most) {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry()); // before the first await: it empties them
  /** @type {Found[]} */
  const found = [];
  for (const entry of entries) if (entry) await walk(entry, "", found, most);
  return found;
}

/**
 * @param {FileSystemEntry} entry
 * @param {string} above
 * @param {Found[]} found
 * @param {number} most
 */
async function walk(entry, above, found, most) {
  if (found.length > most || entry.name.startsWith(".")) return;
  const name = above + entry.name;
  if (entry.isFile) {
    const file = await fileOf(/** @type {FileSystemFileEntry} */ (entry));
    if (file) found.push({ name, file });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    const some = await someOf(reader);
    if (some.length === 0) return;
    for (const one of some) await walk(one, `${name}/`, found, most);
  }
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File | null>}
 */
function fileOf(entry) {
  return new Promise((resolve) => entry.file(resolve, () => resolve(null)));
}

/**
 * The next entries of a folder: at most 100 at a time.
 * @param {FileSystemDirectoryReader} reader
 * @returns {Promise<FileSystemEntry[]>}
 */
function someOf(reader) {
  return new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
}
