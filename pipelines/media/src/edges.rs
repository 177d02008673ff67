//! Edges of a picture as ControlNets for edges were trained on them: white lines on black.
//!
//! J. Canny, "A Computational Approach to Edge Detection", 1986, in the form of OpenCV's `Canny` (modules/imgproc/
//! src/canny.cpp): Sobel gradients of 3x3, the L1 norm, no smoothing before, whole numbers throughout.

use crate::picture::{Bitmap, Picture};

/// Lower threshold of the annotator that the ControlNets came with (lllyasviel/ControlNet, gradio_canny2image.py).
pub const LOW: i32 = 100;
/// Its upper threshold.
pub const HIGH: i32 = 200;

/// The tangent of 22.5 degrees in steps of 2^-15.
const TANGENT: i64 = 13_573;

/// A pixel's gradient: that of the channel in which it is largest.
#[derive(Clone, Copy, Default)]
struct Gradient {
    dx: i32,
    dy: i32,
}

impl Gradient {
    fn norm(self) -> i32 {
        self.dx.abs() + self.dy.abs()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Nothing,
    /// A ridge between the thresholds: an edge if it hangs on one.
    Weak,
    Edge,
}

/// The edges: grey, 255 on an edge and 0 elsewhere. Ridges of the gradient above `high` are edges, and so are
/// those above `low` that hang on them.
pub fn canny(picture: &Picture, low: i32, high: i32) -> Bitmap {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let gradients = gradients(picture);
    let mut marks = vec![Mark::Nothing; width * height];
    let mut strong = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let norm = gradients[y * width + x].norm();
            if norm > low && is_ridge(&gradients, (width, height), (x, y)) {
                marks[y * width + x] = if norm > high { Mark::Edge } else { Mark::Weak };
                if norm > high {
                    strong.push((x, y));
                }
            }
        }
    }
    follow(&mut marks, (width, height), strong);
    let pixels = marks.iter().map(|mark| if *mark == Mark::Edge { 255 } else { 0 }).collect();
    Bitmap { width: picture.width, height: picture.height, channels: 1, pixels }
}

/// Sobel gradients; beyond its border the picture goes on as it ends.
fn gradients(picture: &Picture) -> Vec<Gradient> {
    let (width, height) = (picture.width as i64, picture.height as i64);
    let value = |x: i64, y: i64, channel: usize| {
        let at = y.clamp(0, height - 1) * width + x.clamp(0, width - 1);
        i32::from(picture.rgb[at as usize * 3 + channel])
    };
    let gradient = |x: i64, y: i64, channel: usize| {
        let around = |dx: i64, dy: i64| value(x + dx, y + dy, channel);
        let side = |dx: i64| around(dx, -1) + 2 * around(dx, 0) + around(dx, 1);
        let end = |dy: i64| around(-1, dy) + 2 * around(0, dy) + around(1, dy);
        Gradient { dx: side(1) - side(-1), dy: end(1) - end(-1) }
    };
    let mut all = Vec::with_capacity((width * height) as usize);
    for y in 0..height {
        for x in 0..width {
            let mut largest = gradient(x, y, 0);
            for channel in 1..3 {
                let other = gradient(x, y, channel);
                largest = if other.norm() > largest.norm() { other } else { largest };
            }
            all.push(largest);
        }
    }
    all
}

/// Whether the gradient is largest here along its own direction, in eighths of a circle.
fn is_ridge(gradients: &[Gradient], (width, height): (usize, usize), (x, y): (usize, usize)) -> bool {
    let norm = |dx: i64, dy: i64| {
        let (x, y) = (x as i64 + dx, y as i64 + dy);
        let inside = (0..width as i64).contains(&x) && (0..height as i64).contains(&y);
        if inside { gradients[y as usize * width + x as usize].norm() } else { 0 }
    };
    let Gradient { dx, dy } = gradients[y * width + x];
    let here = norm(0, 0);
    let (across, along) = (i64::from(dx.abs()), i64::from(dy.abs()) << 15);
    let flat = across * TANGENT;
    // tan 67.5° = 2 + tan 22.5°
    let steep = flat + (across << 16);
    if along < flat {
        here > norm(-1, 0) && here >= norm(1, 0)
    } else if along > steep {
        here > norm(0, -1) && here >= norm(0, 1)
    } else {
        let side = if (dx ^ dy) < 0 { -1 } else { 1 };
        here > norm(-side, -1) && here > norm(side, 1)
    }
}

/// Makes edges of what hangs on edges.
fn follow(marks: &mut [Mark], (width, height): (usize, usize), mut open: Vec<(usize, usize)>) {
    while let Some((x, y)) = open.pop() {
        for ny in y.saturating_sub(1)..(y + 2).min(height) {
            for nx in x.saturating_sub(1)..(x + 2).min(width) {
                let mark = &mut marks[ny * width + nx];
                if *mark == Mark::Weak {
                    *mark = Mark::Edge;
                    open.push((nx, ny));
                }
            }
        }
    }
}
