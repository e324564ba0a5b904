// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace gradus::test {

/// Writes HDF5 files as Keras lays them out, in the oldest format, which h5py chooses.
class KerasWriter
{
public:
    explicit KerasWriter(const std::filesystem::path& path)
        : m_file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT))
    {
    }
    ~KerasWriter() { H5Fclose(m_file); }
    KerasWriter(const KerasWriter&) = delete;
    KerasWriter& operator=(const KerasWriter&) = delete;

    /// A group and those around it.
    void group(const std::string& path)
    {
        const hid_t links = H5Pcreate(H5P_LINK_CREATE);
        H5Pset_create_intermediate_group(links, 1);
        if (H5Lexists(m_file, path.c_str(), H5P_DEFAULT) <= 0)
            H5Gclose(H5Gcreate2(m_file, path.c_str(), links, H5P_DEFAULT, H5P_DEFAULT));
        H5Pclose(links);
    }

    /// A list of texts, or one when scalar.
    void texts(const std::string& object, const std::string& name,
               const std::vector<std::string>& values, bool variable, bool scalar = false)
    {
        std::size_t length = 1;
        for (const std::string& value : values)
            length = std::max(length, value.size());
        const hid_t type = H5Tcopy(H5T_C_S1);
        H5Tset_size(type, variable ? H5T_VARIABLE : length);
        H5Tset_strpad(type, variable ? H5T_STR_NULLTERM : H5T_STR_NULLPAD);
        const hsize_t count = values.size();
        const hid_t space = scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, nullptr);
        const hid_t owner = H5Oopen(m_file, object.c_str(), H5P_DEFAULT);
        const hid_t attribute =
            H5Acreate2(owner, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
        if (variable) {
            std::vector<const char*> pointers;
            for (const std::string& value : values)
                pointers.push_back(value.c_str());
            H5Awrite(attribute, type, pointers.data());
        } else {
            std::string bytes(length * values.size(), '\0');
            for (std::size_t i = 0; i < values.size(); ++i)
                std::memcpy(bytes.data() + i * length, values[i].data(), values[i].size());
            H5Awrite(attribute, type, bytes.data());
        }
        H5Aclose(attribute);
        H5Oclose(owner);
        H5Sclose(space);
        H5Tclose(type);
    }

    /// Values 0, 1, 2, … of a native type; chunked means compressed too.
    void dataset(const std::string& path, const std::vector<hsize_t>& dims,
                 hid_t type = H5T_IEEE_F32LE, bool chunked = false)
    {
        hsize_t count = 1;
        for (const hsize_t size : dims)
            count *= size;
        std::vector<float> values;
        for (hsize_t i = 0; i < count; ++i)
            values.push_back(static_cast<float>(i));
        const hid_t links = H5Pcreate(H5P_LINK_CREATE);
        H5Pset_create_intermediate_group(links, 1);
        const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
        if (chunked) {
            H5Pset_chunk(properties, static_cast<int>(dims.size()), dims.data());
            H5Pset_deflate(properties, 4);
        }
        const hid_t space = H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
        const hid_t set =
            H5Dcreate2(m_file, path.c_str(), type, space, links, properties, H5P_DEFAULT);
        H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
        H5Dclose(set);
        H5Sclose(space);
        H5Pclose(properties);
        H5Pclose(links);
    }

    /// A float32 dataset, as its groups are made.
    void floats(const std::string& path, const std::vector<hsize_t>& dims,
                const std::vector<float>& values)
    {
        dataset(path, dims);
        const hid_t set = H5Dopen2(m_file, path.c_str(), H5P_DEFAULT);
        H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
        H5Dclose(set);
    }

    void softLink(const std::string& target, const std::string& path)
    {
        H5Lcreate_soft(target.c_str(), m_file, path.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    }
    void externalLink(const std::string& file, const std::string& target, const std::string& path)
    {
        H5Lcreate_external(file.c_str(), target.c_str(), m_file, path.c_str(), H5P_DEFAULT,
                           H5P_DEFAULT);
    }
    /// The lists that name a layer's weights, and the weights.
    void layer(const std::string& root, const std::string& name,
               const std::vector<std::pair<std::string, std::vector<hsize_t>>>& weights,
               bool variable = false)
    {
        group(root + "/" + name);
        std::vector<std::string> names;
        for (const auto& [weight, dims] : weights) {
            dataset(root + "/" + name + "/" + weight, dims);
            names.push_back(weight);
        }
        texts(root + "/" + name, "weight_names", names, variable);
    }

private:
    hid_t m_file;
};

} // namespace gradus::test
