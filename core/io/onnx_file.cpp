// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/onnx_file.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/onnx_scanner.h"
#include "core/io/placed_model_file.h"

#include <bit>
#include <map>
#include <utility>

namespace gradus {

static_assert(std::endian::native == std::endian::little,
              "tensors are read as they lie in the file");

namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::byte>;

/// Files with external data: found by a model's own words, so nothing outside its folder.
class ExternalFiles
{
public:
    ExternalFiles(fs::path folder, const std::string& model)
        : m_folder(std::move(folder))
        , m_model(model)
    {
    }

    const std::shared_ptr<const ByteSource>& get(const OnnxTensor& tensor)
    {
        const std::string location(tensor.location);
        auto& source = m_files[location];
        if (!source)
            source = mapFile(resolve(tensor, location));
        return source;
    }
    [[nodiscard]] std::vector<fs::path> paths() const
    {
        std::vector<fs::path> paths;
        for (const auto& [location, source] : m_files)
            paths.emplace_back(source->name());
        return paths;
    }

private:
    fs::path resolve(const OnnxTensor& tensor, const std::string& location) const
    {
        const auto fail = [&](ErrorCode code, const auto&... what) {
            return Error(code,
                         concat(m_model, ": tensor ", gradus::quoted(tensor.name),
                                ": its data should lie in ", gradus::quoted(location), what...));
        };
        const fs::path path(location);
        bool plain = path.is_relative() && location.find('\0') == std::string::npos;
        for (const fs::path& part : path)
            plain = plain && part != "..";
        if (!plain || m_folder.empty())
            throw fail(ErrorCode::Format, m_folder.empty()
                                              ? ", but the model has no folder"
                                              : "; a file in the model's own folder is expected");
        std::error_code error;
        const fs::path inside = fs::canonical(m_folder, error);
        const fs::path found = error ? fs::path() : fs::canonical(m_folder / path, error);
        if (error)
            throw fail(ErrorCode::Io, ", which cannot be opened: ", error.message());
        const fs::path relative = found.lexically_relative(inside);
        if (relative.empty() || *relative.begin() == "..")
            throw fail(ErrorCode::Format, ", which is a link out of the model's folder");
        return found;
    }

    fs::path m_folder;
    const std::string& m_model;
    std::map<std::string, std::shared_ptr<const ByteSource>> m_files;
};

class OnnxFile final : public PlacedModelFile
{
public:
    OnnxFile(std::shared_ptr<const ByteSource> source, const fs::path& folder)
        : m_source(std::move(source))
    {
        OnnxContents contents = scanOnnx(m_source->bytes(), m_source->name());
        ExternalFiles files(folder, m_source->name());
        std::vector<TensorInfo> infos;
        for (OnnxTensor& tensor : contents.tensors) {
            const auto dtype = dtypeOfOnnx(tensor.dataType);
            if (!dtype) {
                contents.unread.push_back(
                    {tensor.name, concat("dtype ", onnxTypeName(tensor.dataType),
                                         " is not among those that Gradus reads (DOUBLE, FLOAT, "
                                         "FLOAT16, BFLOAT16, INT64, INT32, INT16, INT8, UINT8, "
                                         "BOOL)")});
                continue;
            }
            infos.push_back(check(tensor, *dtype, files));
        }
        addOtherUses(infos, contents.uses);
        setTensors(std::move(infos));
        setUses(std::move(contents.uses));
        setUnread(std::move(contents.unread));
        m_otherFiles = files.paths();
        m_graph = std::make_shared<const OnnxGraph>(std::move(contents.graph));
    }

    [[nodiscard]] OpenedOnnx describe(std::shared_ptr<const ModelFile> self) const
    {
        std::vector<Bytes> pieces;
        for (const Place& place : m_places)
            pieces.push_back(place.bytes);
        return {{std::move(self), gapsBetween(m_source->bytes(), std::move(pieces)), m_otherFiles},
                m_graph};
    }

    [[nodiscard]] std::vector<FilePiece> piecesOf(std::string_view tensor) const override
    {
        const TensorInfo* info = find(tensor);
        if (!info)
            return {};
        const Place& place = m_places[static_cast<std::size_t>(info - tensors().data())];
        const ByteSource& source = place.source ? *place.source : *m_source;
        const auto pieceOf = [&](Bytes bytes) {
            return FilePiece{source.name(),
                             static_cast<std::uint64_t>(bytes.data() - source.bytes().data()),
                             bytes.size()};
        };
        std::vector<FilePiece> pieces;
        if (place.typed)
            for (const Bytes& bytes : typedPieces(*place.typed, info->dtype, m_source->name()))
                pieces.push_back(pieceOf(bytes));
        else if (!place.bytes.empty())
            pieces.push_back(pieceOf(place.bytes));
        return pieces;
    }

protected:
    [[nodiscard]] Tensor readTensor(std::size_t index) const override
    {
        const Place& place = m_places[index];
        return place.typed
                   ? readTypedElements(*place.typed, tensors()[index].dtype, m_source->name())
                   : Tensor::copyOf(viewOf(index));
    }
    [[nodiscard]] Tensor readTensorFloat(std::size_t index) const override
    {
        return m_places[index].typed ? ModelFile::readTensorFloat(index) : toFloat(viewOf(index));
    }

private:
    /// Where a tensor's elements are.
    struct Place
    {
        Bytes bytes;                              ///< as they lie, in source
        std::shared_ptr<const ByteSource> source; ///< of external data
        std::shared_ptr<const OnnxTensor> typed;  ///< to be decoded from the message
    };

    TensorInfo check(OnnxTensor& tensor, DType dtype, ExternalFiles& files)
    {
        const auto fail = [&](const auto&... what) {
            return Error(ErrorCode::Format, concat(m_source->name(), ": tensor ",
                                                   gradus::quoted(tensor.name), ": ", what...));
        };
        TensorInfo info;
        info.name = tensor.name;
        info.dtype = dtype;
        info.shape = tensor.shape;
        info.file = m_source->name();
        const auto bytes = tensorBytes(tensor.shape, dtype);
        if (!bytes)
            throw fail("shape ", shapeText(tensor.shape), " has too many elements");
        info.bytes = *bytes;
        const std::string needs =
            concat("shape ", shapeText(tensor.shape), " of ", onnxTypeName(tensor.dataType),
                   " needs ", info.bytes, " bytes, ");
        Place place;
        if (tensor.isExternal) {
            place.source = files.get(tensor);
            info.file = place.source->name();
            const Bytes whole = place.source->bytes();
            long long offset = 0;
            long long length = 0;
            if (!tensor.offset.empty() && (!parseInteger(tensor.offset, offset) || offset < 0))
                throw fail("its external data has the offset ", gradus::quoted(tensor.offset, 40));
            if (!tensor.length.empty() && (!parseInteger(tensor.length, length) ||
                                           static_cast<std::uint64_t>(length) != info.bytes))
                throw fail(needs, "its external data has the length ",
                           gradus::quoted(tensor.length, 40));
            const auto begin = static_cast<std::uint64_t>(offset);
            const auto end = checkedAdd(begin, info.bytes);
            if (!end || *end > whole.size())
                throw fail(needs, "but ", info.file, " has ", whole.size(), ", and they begin at ",
                           begin);
            place.bytes = whole.subspan(begin, info.bytes);
        } else if (!tensor.raw.empty()) {
            if (tensor.raw.size() != info.bytes)
                throw fail(needs, "its raw data has ", tensor.raw.size());
            place.bytes = tensor.raw;
        } else {
            const std::uint64_t count = countTypedElements(tensor, dtype, m_source->name());
            if (count * dtypeSize(dtype) != info.bytes)
                throw fail(needs, "it holds ", count, " elements");
            if (info.bytes > 0)
                place.typed = std::make_shared<const OnnxTensor>(tensor);
        }
        m_places.push_back(std::move(place));
        return info;
    }

    [[nodiscard]] TensorView viewOf(std::size_t index) const
    {
        const TensorInfo& info = tensors()[index];
        return {info.dtype, info.shape, m_places[index].bytes};
    }

    std::shared_ptr<const ByteSource> m_source;
    std::vector<Place> m_places; ///< of tensors(), in their order
    std::vector<fs::path> m_otherFiles;
    std::shared_ptr<const OnnxGraph> m_graph;
};

} // namespace

OpenedOnnx openOnnx(std::shared_ptr<const ByteSource> source, const fs::path& folder)
{
    const auto file = std::make_shared<const OnnxFile>(std::move(source), folder);
    return file->describe(file);
}

} // namespace gradus
