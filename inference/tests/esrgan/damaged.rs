//! Files of ncnn that are cut off, lie, or belong to something else.

use crate::support::checkpoint::load_runtime;
use crate::{SMALL, published};
use proptest::prelude::*;
use reelsmith_graph::{Target, ncnn};
use reelsmith_inference::esrgan::{Esrgan, read};
use reelsmith_inference_core::{ErrorKind, InferenceError};
use std::path::PathBuf;

/// The small network in a folder of its own.
struct Files {
    _folder: tempfile::TempDir,
    param: PathBuf,
    bin: PathBuf,
    text: String,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (param, bin) = (folder.path().join("model.param"), folder.path().join("model.bin"));
        let published = published(SMALL);
        std::fs::copy(published.with_extension("bin"), &bin).expect("the published weights are copied");
        let text = std::fs::read_to_string(published).expect("the published layers are read");
        std::fs::write(&param, &text).expect("they are written");
        Self { _folder: folder, param, bin, text }
    }

    /// With every `from` of the `.param` made `to`.
    fn changed(&self, from: &str, to: &str) -> InferenceError {
        assert!(self.text.contains(from), "{from}");
        self.written(&self.text.replacen(from, to, 1))
    }

    fn written(&self, text: &str) -> InferenceError {
        std::fs::write(&self.param, text).expect("it is written");
        let error = read(&self.param, Target::CPU).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{error}");
        assert!(error.to_string().contains("model."), "it names the file: {error}");
        error
    }
}

#[test]
fn weights_that_are_cut_off_are_refused_wherever_they_end() {
    let files = Files::new();
    let whole = std::fs::read(&files.bin).unwrap();
    for length in [0, 1, 3, 4, 100, 3460, 3720, 700_000, whole.len() - 4, whole.len() - 1] {
        std::fs::write(&files.bin, &whole[..length]).unwrap();
        let error = read(&files.param, Target::CPU).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{error}");
        assert!(
            error.to_string().contains("the file has") && error.to_string().contains("Conv_")
                || error.to_string().contains("PRelu_"),
            "{error}"
        );
    }
    std::fs::write(&files.bin, [whole.as_slice(), &[0; 12]].concat()).unwrap();
    let error = read(&files.param, Target::CPU).expect_err("it is refused");
    assert!(error.to_string().contains("12 bytes are left over"), "{error}");
    std::fs::write(&files.bin, [&0x000D_4B38u32.to_le_bytes(), &whole[4..]].concat()).unwrap();
    let error = read(&files.param, Target::CPU).expect_err("it is refused");
    assert!(error.to_string().contains("0x000d4b38"), "{error}");
    std::fs::remove_file(&files.bin).unwrap();
    assert_eq!(read(&files.param, Target::CPU).expect_err("no weights").kind(), ErrorKind::ModelMissing);
    std::fs::remove_file(&files.param).unwrap();
    assert_eq!(read(&files.param, Target::CPU).expect_err("no layers").kind(), ErrorKind::ModelMissing);
}

#[test]
fn a_description_that_lies_is_refused_with_the_layer_at_fault() {
    let files = Files::new();
    let says = |from: &str, to: &str, why: &str| {
        let said = files.changed(from, to).to_string();
        assert!(said.contains(why), "{to}: {said}");
    };
    says("7767517", "7767518", "line 1");
    says("40 41", "41 41", "41 layers are announced and 40 follow");
    says("40 41", "-3", "line 2");
    says("6=1728", "6=1729", "`Conv_0`: parameter 6");
    says("0=64 1=3", "0=99999999999 1=3", "`Conv_0`: parameter 0 is 99999999999, expected 1 to 65536");
    says("0=64 1=3", "0=60000 1=3", "`Conv_0`");
    says("0=64 1=3 4=1", "0=64 4=1", "`Conv_0`: parameter 1 is missing");
    says("1=3 4=1", "1=3 4=2", "keep the size");
    says("1=3 4=1", "1=3 3=2 4=1", "keep the size");
    says("1=3 4=1", "1=3 4=1 9=5", "activation 5");
    says("1=3 4=1", "1=3 4=1 8=1", "parameter 8=1 is not supported");
    says("PReLU ", "Softmax ", "the Softmax `PRelu_1`: layers of this kind are not supported");
    says(
        "PRelu_1                  1 1 54 56 0=64",
        "PRelu_1                  1 1 54 56 0=63",
        "63 slopes for 64 channels",
    );
    says(
        "Conv_2                   1 1 56 57",
        "Conv_2                   1 1 nowhere 57",
        "no layer before makes `nowhere`",
    );
    says("Conv_2                   1 1 56 57", "Conv_2                   1 1 56 56", "`56` is made twice");
    says("Conv_2                   1 1 56 57", "Conv_2                   1 9 56 57", "line 7");
    says(
        "0=1 1=4.000000e+00 2=4.000000e+00",
        "0=1 1=3.000000e+00 2=3.000000e+00",
        "`Add_38`: the blobs are of different shapes",
    );
    says("0=1 1=4.000000e+00 2=4.000000e+00", "0=1 1=nan 2=nan", "`Resize_37`");
    says("0=1 1=4.000000e+00 2=4.000000e+00", "0=1 1=1e30 2=1e30", "`Resize_37`");
    says(
        "DepthToSpace_35          1 1 105 106 0=4",
        "DepthToSpace_35          1 1 105 106 0=5",
        "cannot be shuffled by 5",
    );
    says(
        "BinaryOp                 Add_38                   2 1 106 111 output",
        "Concat                   Add_38                   2 1 106 111 output",
        "6 channels at 4 times",
    );
    // Without the last layer its two inputs are left.
    let lines: Vec<&str> = files.text.trim_end().lines().collect();
    let shorter = lines[..lines.len() - 1].join("\n").replacen("40 41", "39 40", 1);
    assert!(files.written(&shorter).to_string().contains("not one output"));
    files.written("");
    files.written("7767517\n0 0\n");
}

#[test]
fn the_binary_form_and_other_files_are_no_description() {
    let files = Files::new();
    std::fs::write(&files.param, [0xffu8; 64]).unwrap();
    let error = read(&files.param, Target::CPU).expect_err("it is refused");
    assert!(error.to_string().contains("no text"), "{error}");
    // As sparse as the disk allows: more than a description ever has.
    std::fs::File::create(&files.param).unwrap().set_len(1 << 40).unwrap();
    let error = read(&files.param, Target::CPU).expect_err("it is refused");
    assert!(error.to_string().contains("more than"), "{error}");
    load_runtime();
    let error = Esrgan::open(&files.bin, 2).map(drop).expect_err("the weights alone");
    assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
}

proptest! {
    #[test]
    fn no_description_brings_the_reader_down(
        line in 2usize..42,
        cut in any::<prop::sample::Index>(),
        put in "[-0-9=a-zA-Z. ,\n]{0,12}",
    ) {
        let text = std::fs::read_to_string(published(SMALL)).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let at = cut.index(lines[line].len() + 1);
        lines[line].replace_range(at..(at + put.len()).min(text.lines().nth(line).unwrap().len()).max(at), &put);
        let folder = tempfile::tempdir().unwrap();
        let param = folder.path().join("model.param");
        std::fs::write(&param, lines.join("\n")).unwrap();
        std::os::unix::fs::symlink(published(SMALL).with_extension("bin"), folder.path().join("model.bin")).unwrap();
        if let Err(error) = ncnn::read(&param, Target::CPU) {
            prop_assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
        }
    }
}
