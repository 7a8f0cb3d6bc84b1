#include "audio/wave-reader.h"

#include <iterator>

#include "base/error.h"

namespace u2moe {

void WaveHolder::Read(std::istream &is, T *value) { *value = ReadAudio(is); }

void WaveHolder::Write(std::ostream &os, bool binary, const T &value) {
  if (!binary) throw UsageError("audio has no text form: use ark: instead of ark,t:");
  WriteWav(value, os);
}

void WaveWriter::Write(const std::string &key, const WaveData &wave) {
  writer_.Write(key, wave);
  loss_.Add("utterance " + key, MeasureLoss(wave.samples));
}

void WaveWriter::Close() {
  writer_.Close();
  loss_.Finish();
}

void WriteWaveFile(const std::string &wxfilename, const WaveData &wave, const std::string &name) {
  WriteObject<WaveHolder>(wxfilename, true, wave);
  LossReport().Add(name == "-" ? "standard input" : name, MeasureLoss(wave.samples));
}

void WaveInfoHolder::Read(std::istream &is, T *value) { *value = ReadAudioInfo(is); }

void BytesHolder::Read(std::istream &is, T *value) {
  value->assign(std::istreambuf_iterator<char>(is), std::istreambuf_iterator<char>());
}

void CheckRawTable(const std::string &rspecifier) {
  if (ParseRspecifier(rspecifier).is_script) return;
  throw UsageError("'", rspecifier,
                   "': samples without a header have no end in an archive; list files with scp:");
}

}  // namespace u2moe
