//! Paints outlines into a small RGBA layer and turns the layer into an [`Overlay`].

use tiny_skia::{
    Color, FillRule, IntRect, LineCap, LineJoin, Mask, Paint, Path, PathBuilder, Pixmap,
    PremultipliedColorU8, Rect, Stroke, Transform,
};

use super::colour::Rgb;
use crate::ease::smoothstep;
use crate::overlay::Overlay;
use crate::picture::Picture;
use crate::yuv::premultiplied::{chroma_row, luma_row};

/// A transparent picture that outlines are painted into, in frame coordinates.
pub(crate) struct Layer {
    /// Position of the top left corner in the frame; even.
    pub x: i32,
    pub y: i32,
    pub pixels: Pixmap,
}

impl Layer {
    /// A layer that holds the frame rectangle from (left, top) to (right, bottom), cut to the
    /// frame of `frame` pixels and widened to even coordinates.
    pub(crate) fn covering(bounds: [f32; 4], frame: (u32, u32)) -> Option<Layer> {
        let even = |v: f32| (v.floor() as i32) & !1;
        let (left, top) = (even(bounds[0]).max(0), even(bounds[1]).max(0));
        let right = even(bounds[2] + 1.999).min(frame.0 as i32 & !1);
        let bottom = even(bounds[3] + 1.999).min(frame.1 as i32 & !1);
        let (width, height) = (right - left, bottom - top);
        if width <= 0 || height <= 0 {
            return None;
        }
        Some(Layer { x: left, y: top, pixels: Pixmap::new(width as u32, height as u32)? })
    }

    fn shift(&self) -> Transform {
        Transform::from_translate(-self.x as f32, -self.y as f32)
    }

    /// Fills an outline.
    pub(crate) fn fill(&mut self, path: &Path, colour: Rgb, opacity: f32) {
        let paint = solid(colour, opacity);
        let shift = self.shift();
        self.pixels.fill_path(path, &paint, FillRule::Winding, shift, None);
    }

    /// A soft shadow of the outline, grown by `grow` pixels, moved down by `drop` and blurred.
    pub(crate) fn shadow(&mut self, path: &Path, soft: &Soft) {
        let (w, h) = (self.pixels.width(), self.pixels.height());
        let Some(mut mask) = Mask::new(w.div_ceil(2), h.div_ceil(2)) else { return };
        let half = self.shift().post_translate(0.0, soft.drop).post_scale(0.5, 0.5);
        mask.fill_path(path, FillRule::Winding, true, half);
        if soft.grow > 0.0 {
            let stroke = Stroke { width: soft.grow * 2.0, line_join: LineJoin::Round, ..Stroke::default() };
            if let Some(grown) = path.stroke(&stroke, 0.5) {
                mask.fill_path(&grown, FillRule::Winding, true, half);
            }
        }
        let (mw, mh) = (mask.width() as usize, mask.height() as usize);
        blur(mask.data_mut(), mw, mh, soft.sigma * 0.5);
        self.under(&mask, soft);
    }

    /// Puts a half-size mask beneath what is painted already.
    fn under(&mut self, mask: &Mask, soft: &Soft) {
        let (w, mw, mh) = (self.pixels.width() as usize, mask.width() as usize, mask.height() as usize);
        let opacity = (soft.opacity.clamp(0.0, 1.0) * 256.0) as u32;
        let [r, g, b] = soft.colour.0.map(u32::from);
        let data = mask.data();
        for (i, pixel) in self.pixels.pixels_mut().iter_mut().enumerate() {
            let (x, y) = (i % w, i / w);
            // Bilinear at quarter positions: the mask has half the layer's size.
            let (mx, my) = (x / 2, y / 2);
            let nx = if x % 2 == 0 { mx.saturating_sub(1) } else { (mx + 1).min(mw - 1) };
            let ny = if y % 2 == 0 { my.saturating_sub(1) } else { (my + 1).min(mh - 1) };
            let at = |x: usize, y: usize| u32::from(data[y * mw + x]);
            let sum = 9 * at(mx, my) + 3 * at(nx, my) + 3 * at(mx, ny) + at(nx, ny);
            if sum == 0 || pixel.alpha() == 255 {
                continue;
            }
            let a = (sum * opacity / (16 * 256)) * (255 - u32::from(pixel.alpha())) / 255;
            let mix = |own: u8, c: u32| (u32::from(own) + c * a / 255) as u8;
            let alpha = (u32::from(pixel.alpha()) + a).min(255) as u8;
            let rgb =
                [mix(pixel.red(), r), mix(pixel.green(), g), mix(pixel.blue(), b)].map(|c| c.min(alpha));
            *pixel = PremultipliedColorU8::from_rgba(rgb[0], rgb[1], rgb[2], alpha)
                .expect("each component was limited to alpha");
        }
    }

    /// Lays a veil beneath everything: even down to `full` (frame pixels), then fading over `fade`.
    pub(crate) fn veil(&mut self, colour: Rgb, opacity: f32, (full, fade): (f32, f32)) {
        let width = self.pixels.width() as usize;
        let top = self.y as f32;
        for (y, row) in self.pixels.pixels_mut().chunks_exact_mut(width).enumerate() {
            let t = ((top + y as f32 - full) / fade.max(1.0)).clamp(0.0, 1.0);
            let even = opacity * 255.0 * (1.0 - smoothstep(t));
            for pixel in row {
                let a = even * (255.0 - f32::from(pixel.alpha())) / 255.0;
                let alpha = (f32::from(pixel.alpha()) + a + 0.5).min(255.0) as u8;
                let mix =
                    |own: u8, c: u8| ((f32::from(own) + f32::from(c) * a / 255.0 + 0.5) as u8).min(alpha);
                let [r, g, b] = colour.0;
                *pixel = PremultipliedColorU8::from_rgba(
                    mix(pixel.red(), r),
                    mix(pixel.green(), g),
                    mix(pixel.blue(), b),
                    alpha,
                )
                .expect("each component was limited to alpha");
            }
        }
    }

    /// Blends the layer over an 8-bit picture, in place.
    pub(crate) fn over(&self, picture: &mut Picture) {
        let (w, pw) = (self.pixels.width() as usize, picture.width as usize);
        for (y, row) in self.pixels.pixels().chunks_exact(w).enumerate() {
            let start = ((self.y as usize + y) * pw + self.x as usize) * 3;
            for (src, dst) in row.iter().zip(picture.rgb[start..start + w * 3].chunks_exact_mut(3)) {
                let rest = 255 - u32::from(src.alpha());
                let put =
                    |own: u8, c: u8| (u32::from(c) + (u32::from(own) * rest + 127) / 255).min(255) as u8;
                let mixed = [put(dst[0], src.red()), put(dst[1], src.green()), put(dst[2], src.blue())];
                dst.copy_from_slice(&mixed);
            }
        }
    }

    /// A copy of the part within `bounds` (frame pixels), widened to even coordinates.
    pub(crate) fn cut(&self, bounds: [f32; 4]) -> Option<Layer> {
        let (w, h) = (self.pixels.width() as i32, self.pixels.height() as i32);
        let mut part = Layer::covering(bounds, ((self.x + w) as u32, (self.y + h) as u32))?;
        let (x, y) = (part.x.max(self.x), part.y.max(self.y));
        let (right, bottom) = (part.x + part.pixels.width() as i32, part.y + part.pixels.height() as i32);
        let rect = IntRect::from_ltrb(x - self.x, y - self.y, right - self.x, bottom - self.y)?;
        part = Layer { x, y, pixels: self.pixels.clone_rect(rect)? };
        Some(part)
    }

    /// Puts a cut part back in its place.
    pub(crate) fn paste(&mut self, part: &Layer) {
        let width = self.pixels.width() as usize;
        let (dx, dy) = ((part.x - self.x) as usize, (part.y - self.y) as usize);
        let rows = part.pixels.pixels().chunks_exact(part.pixels.width() as usize).enumerate();
        for (y, row) in rows {
            let at = (dy + y) * width + dx;
            self.pixels.pixels_mut()[at..at + row.len()].copy_from_slice(row);
        }
    }

    /// The layer as an overlay, cropped to what is visible; `None` when nothing is.
    pub(crate) fn overlay(&self) -> Option<Overlay> {
        let w = self.pixels.width() as usize;
        let rows: Vec<&[PremultipliedColorU8]> = self.pixels.pixels().chunks_exact(w).collect();
        let shown = |row: &&[PremultipliedColorU8]| row.iter().any(|p| p.alpha() != 0);
        let (top, bottom) = (rows.iter().position(shown)?, rows.iter().rposition(shown)?);
        let visible = &rows[top..=bottom];
        let first = |row: &&[PremultipliedColorU8]| row.iter().position(|p| p.alpha() != 0);
        let last = |row: &&[PremultipliedColorU8]| row.iter().rposition(|p| p.alpha() != 0);
        let (left, right) = (visible.iter().filter_map(first).min()?, visible.iter().filter_map(last).max()?);
        // The chroma of an odd last column lies half in the pair after it.
        let bounds = [left, top, right + 2, bottom + 1].map(|v| v as f32);
        let (x, y) = (self.x as f32, self.y as f32);
        Some(self.cut([bounds[0] + x, bounds[1] + y, bounds[2] + x, bounds[3] + y])?.whole())
    }

    /// The whole layer as an overlay.
    pub(crate) fn whole(&self) -> Overlay {
        let (width, height) = (self.pixels.width() as usize, self.pixels.height() as usize);
        let (full, quarter) = (width * height, width * height / 4);
        let mut out = Overlay {
            x: self.x as usize,
            y: self.y as usize,
            width,
            height,
            luma: vec![0; full],
            alpha: vec![0; full],
            cb: vec![0; quarter],
            cr: vec![0; quarter],
            chroma_alpha: vec![0; quarter],
        };
        self.write_into(&mut out);
        out
    }

    /// Replaces the part of an overlay that this layer covers; it must lie inside.
    ///
    /// A chroma sample also covers the column before its pair. So where the overlay begins further
    /// left, this layer's first pair keeps its chroma: its first two columns must be as they were.
    pub(crate) fn write_into(&self, out: &mut Overlay) {
        let (dx, dy) = (self.x as usize - out.x, self.y as usize - out.y);
        let w = self.pixels.width() as usize;
        let rgba = self.pixels.data().as_chunks::<4>().0;
        for (y, pair) in rgba.chunks_exact(2 * w).enumerate() {
            let (upper, lower) = pair.split_at(w);
            for (row, line) in [(dy + 2 * y, upper), (dy + 2 * y + 1, lower)] {
                let at = row * out.width + dx;
                luma_row(line, &mut out.luma[at..at + w], &mut out.alpha[at..at + w]);
            }
            let at = (dy / 2 + y) * (out.width / 2) + dx / 2;
            let kept = usize::from(dx > 0);
            let chroma = chroma_row(upper, lower, self.x == 0);
            for (index, [cb, cr, alpha]) in (at..).zip(chroma).skip(kept) {
                (out.cb[index], out.cr[index], out.chroma_alpha[index]) = (cb, cr, alpha);
            }
        }
    }
}

/// How a soft shadow looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Soft {
    pub colour: Rgb,
    /// 0 to 1.
    pub opacity: f32,
    /// Standard deviation of the blur, pixels.
    pub sigma: f32,
    /// Downward offset, pixels.
    pub drop: f32,
    /// How far the shape is grown before the blur, pixels.
    pub grow: f32,
}

/// The shape of a line drawn along an outline, `width` pixels to each side of it.
pub(crate) fn outlined(path: &Path, width: f32) -> Option<Path> {
    let stroke = Stroke {
        width: width * 2.0,
        line_cap: LineCap::Round,
        line_join: LineJoin::Round,
        ..Stroke::default()
    };
    path.stroke(&stroke, 1.0)
}

/// A rectangle with round corners.
pub(crate) fn rounded(rect: Rect, radius: f32) -> Option<Path> {
    let r = radius.min(rect.width() / 2.0).min(rect.height() / 2.0);
    // Control length of a cubic quarter circle.
    let k = r * (1.0 - 0.552_284_8);
    let (l, t, w, h) = (rect.left(), rect.top(), rect.right(), rect.bottom());
    let mut path = PathBuilder::new();
    path.move_to(l + r, t);
    path.line_to(w - r, t);
    path.cubic_to(w - k, t, w, t + k, w, t + r);
    path.line_to(w, h - r);
    path.cubic_to(w, h - k, w - k, h, w - r, h);
    path.line_to(l + r, h);
    path.cubic_to(l + k, h, l, h - k, l, h - r);
    path.line_to(l, t + r);
    path.cubic_to(l, t + k, l + k, t, l + r, t);
    path.close();
    path.finish()
}

fn solid(colour: Rgb, opacity: f32) -> Paint<'static> {
    let [r, g, b] = colour.0;
    let alpha = (opacity.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(Color::from_rgba8(r, g, b, alpha));
    paint
}

/// Blurs a coverage mask in place: three box passes, near a Gaussian of `sigma` pixels.
pub(crate) fn blur(mask: &mut [u8], width: usize, height: usize, sigma: f32) {
    // Width of the box whose threefold use has the Gaussian's variance: sqrt(12 sigma²/3 + 1).
    let radius = (((4.0 * sigma * sigma + 1.0).sqrt() - 1.0) / 2.0).round() as usize;
    if radius == 0 || width == 0 || height == 0 {
        return;
    }
    let mut other = vec![0; mask.len()];
    for _ in 0..3 {
        for (line, out) in mask.chunks_exact(width).zip(other.chunks_exact_mut(width)) {
            blur_line(line, out, radius);
        }
        blur_columns(&other, mask, width, height, radius);
    }
}

fn blur_line(line: &[u8], out: &mut [u8], radius: usize) {
    let n = line.len();
    let scale = 65536 / (2 * radius as u32 + 1);
    let mut sum: u32 = line.iter().take(radius).map(|&v| u32::from(v)).sum();
    for x in 0..n {
        if x + radius < n {
            sum += u32::from(line[x + radius]);
        }
        if x > radius {
            sum -= u32::from(line[x - radius - 1]);
        }
        out[x] = ((sum * scale + 32768) >> 16) as u8;
    }
}

fn blur_columns(from: &[u8], to: &mut [u8], width: usize, height: usize, radius: usize) {
    let scale = 65536 / (2 * radius as u32 + 1);
    let mut sums = vec![0u32; width];
    let row = |y: usize| &from[y * width..(y + 1) * width];
    for y in 0..radius.min(height) {
        sums.iter_mut().zip(row(y)).for_each(|(sum, &v)| *sum += u32::from(v));
    }
    for y in 0..height {
        if y + radius < height {
            sums.iter_mut().zip(row(y + radius)).for_each(|(sum, &v)| *sum += u32::from(v));
        }
        if y > radius {
            sums.iter_mut().zip(row(y - radius - 1)).for_each(|(sum, &v)| *sum -= u32::from(v));
        }
        let out = &mut to[y * width..(y + 1) * width];
        out.iter_mut().zip(&sums).for_each(|(o, sum)| *o = ((sum * scale + 32768) >> 16) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yuv::{Kernel, Yuv420, blend_overlay, from_rgb};

    const FRAME: (u32, u32) = (32, 8);
    const RED: Rgb = Rgb([230, 20, 40]);

    /// A red bar from column `left` to `right` on black, as a picture.
    fn picture(left: u32, right: u32) -> Picture {
        let columns = (0..FRAME.0 * FRAME.1).map(|at| (left..right).contains(&(at % FRAME.0)));
        let rgb = columns.flat_map(|red| if red { RED.0 } else { [0; 3] });
        Picture { width: FRAME.0, height: FRAME.1, rgb: rgb.collect() }
    }

    fn bar(layer: &mut Layer, left: u32, right: u32, colour: Rgb) {
        let rect = Rect::from_ltrb(left as f32, 0.0, right as f32, FRAME.1 as f32).unwrap();
        layer.fill(&PathBuilder::from_rect(rect), colour, 1.0);
    }

    fn layer(left: u32, right: u32) -> Layer {
        Layer::covering([left as f32, 0.0, right as f32, FRAME.1 as f32], FRAME).unwrap()
    }

    fn assert_same(overlay: &Overlay, left: u32, right: u32) {
        let mut frame = Yuv420::black(FRAME.0 as usize, FRAME.1 as usize);
        blend_overlay(Kernel::Scalar, &mut frame, overlay, 255);
        let expected = from_rgb(&picture(left, right));
        for (at, (ours, theirs)) in frame.as_bytes().iter().zip(expected.as_bytes()).enumerate() {
            assert!(ours.abs_diff(*theirs) <= 1, "{left} to {right}, byte {at}: {ours}, not {theirs}");
        }
    }

    #[test]
    fn an_edge_of_an_overlay_has_the_colours_of_the_same_edge_in_a_frame() {
        for (left, right) in [(4, 10), (5, 11), (5, 10), (6, 13), (0, 9), (1, 3), (20, 32), (21, 31)] {
            let mut whole = layer(0, FRAME.0);
            bar(&mut whole, left, right, RED);
            assert_same(&whole.whole(), left, right);
            assert_same(&whole.overlay().unwrap(), left, right);
        }
    }

    #[test]
    fn a_patch_leaves_the_colours_beside_it_as_they_were() {
        for (left, right) in [(12, 17), (13, 18)] {
            let mut whole = layer(2, 30);
            bar(&mut whole, 4, 28, RED);
            let mut overlay = whole.whole();
            // The middle goes and comes again, two columns within the patch.
            for colour in [Rgb([0, 0, 0]), RED] {
                let mut patch = whole.cut([left as f32 - 2.0, 0.0, right as f32 + 2.0, 8.0]).unwrap();
                bar(&mut patch, left, right, colour);
                patch.write_into(&mut overlay);
            }
            assert_same(&overlay, 4, 28);
        }
    }
}
