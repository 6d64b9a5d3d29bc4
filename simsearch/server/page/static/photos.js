// A photo of the reader's, made ready: an upright picture to show, and what is sent.

const LARGE = 4_000_000; // bytes from which a photo is sent smaller
const SIDE = 1600; // pixels of the longer side, then; print can still be read

/** { file, name, preview }. A small photo is sent as it is: the server also finds equal files by their bytes. */
export async function prepared(file) {
  const name = file.name || "photo.jpg";
  let upright;
  try {
    upright = await redrawn(file);
  } catch {
    return { file, name, preview: null }; // of a kind that this browser cannot show; the server may read it
  }
  const sent = file.size > LARGE ? new File([upright], name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg" }) : file;
  return { file: sent, name: sent.name || name, preview: URL.createObjectURL(upright) };
}

async function redrawn(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const made = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  if (!made) throw new Error("no picture");
  return made;
}
