//! Slow zoom and pan over a still (the Ken Burns effect).

/// What part of a still is seen: a rectangle of the frame's shape, always inside the still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Where the rectangle stands in the room that is left beside it: 0.0 left, 1.0 right.
    pub x: f64,
    /// The same from top to bottom.
    pub y: f64,
    /// 1.0 shows as much of the still as fits the frame's shape; 2.0 half its width.
    pub zoom: f64,
}

/// A path from one view to another over a scene's time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// The view at the scene's first frame.
    pub from: View,
    /// The view at the scene's last frame.
    pub to: View,
}
